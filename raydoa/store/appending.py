"""A file that grows by whole pieces: what has been appended is with the kernel, so no end of this process loses it."""

import errno
import os

from raydoa.store.storage import room_for


class AppendedFile:
    """A new file that only this object writes to; `LocalStorage.appended` makes one. Not for several threads at once."""

    def __init__(self, descriptor: int, where: str) -> None:
        self._descriptor, self._where = descriptor, where
        self._size = 0

    def append(self, piece: bytes) -> None:
        """Add a piece, or nothing: of one that found no room, no part stays. A kill in between leaves a part at the end.

        Raises:
            UserError: no space is left.
        """
        written = 0
        with room_for("what was paid for", self._where):
            try:
                written = os.write(self._descriptor, piece)
                if written < len(piece):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                if written != len(piece):
                    os.ftruncate(self._descriptor, self._size)
        self._size += written

    def close(self) -> None:
        """Let what was appended survive a loss of power, too."""
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
