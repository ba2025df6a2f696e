"""What all places have in common: facts of a file, and errors that a person can mend.

A place is where a store's bytes lie: a `LocalStorage` or a `RemoteStorage`, with the same methods. What the
store needs of it is little: ``write`` makes a small file appear whole or not at all, ``put`` streams a big one
into a folder that nobody reads yet, ``settle`` makes such a folder durable before anything points to it.
What a person can mend (a full disk, a missing bucket, no permission, no credentials) is a `UserError` that names the place.
"""

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from raydoa.errors import NO_SPACE, UserError
from raydoa.store.names import is_plain_path, shown
from raydoa.store.record import FileFacts

CHUNK_BYTES = 8 << 20


@dataclass(frozen=True)
class Listed:
    """One file in a listing: its size, and when it was written (unix seconds), if that is told.

    ``odd`` says what it is where it is no plain file: a symbolic link, say.
    """

    bytes: int
    modified: float | None
    odd: str | None = None


class OddEntry(UserError):
    """Something in a place that cannot be what it should: a symbolic link, a pipe, a folder where a file belongs.

    Nothing has been read, written or removed through it. ``path`` is its own, in the place ``where``.
    """

    def __init__(self, where: str, path: str, problem: str) -> None:
        super().__init__(where, path, problem)
        self.where, self.path, self.problem = where, path, problem

    def __str__(self) -> str:
        return f"{self.where}/{shown(self.path, 300)}: {self.problem}"


def check_path(path: str, where: str) -> None:
    """Refuse a path that does not only go down from the place ``where``. Raises `OddEntry`."""
    if not is_plain_path(path):
        raise OddEntry(where, path, "not a path inside it")


def measure_stream(stream: BinaryIO) -> FileFacts:
    """Read ``stream`` to its end, a chunk at a time, for its checksum and size."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return FileFacts(digest.hexdigest(), size)


@contextmanager
def room_for(what: str, where: str) -> Iterator[None]:
    """Turn the lack of space for ``what`` into a `UserError` about ``where``."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise UserError(
                f"{where}: no space left for {what}; make room and run again: nothing that was "
                "finished is lost"
            ) from error
        raise


@contextmanager
def mendable(where: str) -> Iterator[None]:
    """Turn the system's errors that a person can mend into a `UserError` about ``where``."""
    try:
        with room_for("more (raydoa store gc lists what of a store may go)", where):
            yield
    except OSError as error:
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise UserError(
                f"{where}: not permitted ({error}); use a place that you may read and write"
            ) from error
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(
                f"{where}: a name is too long for this file system ({error})"
            ) from error
        if isinstance(error, NotADirectoryError):
            raise UserError(f"{where}: a file is where a folder is needed ({error})") from error
        if isinstance(error, FileExistsError):
            raise UserError(
                f"{where}: something lies where a new file belongs ({error})"
            ) from error
        if isinstance(error, IsADirectoryError):
            raise UserError(f"{where}: a folder is where a file is needed ({error})") from error
        raise
