"""A place in a folder of this machine or of a network file system.

A small file is written aside, synced and renamed with `os.replace`, or linked with `os.link` where it must be new; a big
one is copied into a folder that nobody reads yet and synced with its folder. No locks, so NFS is as good as a disk.

Whoever can write the folder must not make us read, write or remove anything outside it, so every method comes to
what it touches through a `Descent`. What remains is what a reader does with a path that it was given (`Store.fetch`):
whoever can write the folder can change such a file, or make it a link, after it was checked.
"""

import errno
import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from raydoa.errors import UserError
from raydoa.store.appending import AppendedFile
from raydoa.store.descent import Descent, is_folder
from raydoa.store.record import FileFacts
from raydoa.store.storage import CHUNK_BYTES, Listed, OddEntry, measure_stream, mendable

logger = logging.getLogger(__name__)

_IN_USE = (errno.ENOTEMPTY, errno.EBUSY)
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


class LocalStorage:
    """A folder of this machine or of a network file system.

    ``follow_links`` is for a folder that only the user can write, such as that of an installed package, whose installer
    may have made links of the files.
    """

    def __init__(self, folder: Path, *, follow_links: bool = False) -> None:
        self.folder = folder
        self.url = str(folder)
        self._descent = Descent(folder, follow_links=follow_links)

    def read(self, path: str) -> bytes:
        """Return a small file's content, or raise FileNotFoundError, or `OddEntry`: it is no file."""
        with self.open(path) as stream:
            return stream.read()

    def read_all(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield many small files with their content; those gone meanwhile are left out."""
        for path in paths:
            with suppress(FileNotFoundError):
                yield path, self.read(path)

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Open a file to read it, or raise as `read`."""
        return self._descent.file(path)

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a small file at once: readers see the old one or the new one, whole."""
        with self._descent.parents(path, make=True) as (folders, name):
            with _aside(name, content, folders[-1]) as aside:
                os.replace(aside, name, src_dir_fd=folders[-1], dst_dir_fd=folders[-1])
            _sync_upwards(folders)

    def create(self, path: str, content: bytes) -> bool:
        """Create a small file at once; False: something is there. Of many who create one, exactly one does.

        Raises:
            UserError: this file system cannot decide who is first.
        """
        with self._descent.parents(path, make=True) as (folders, name):
            with _aside(name, content, folders[-1]) as aside:
                created = self._linked(aside, name, folders[-1])
            _sync_upwards(folders)
        return created

    def appended(self, path: str) -> AppendedFile:
        """Create a file that grows. Raises `UserError`: something is there."""
        with self._descent.parents(path, make=True) as (folders, name):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            descriptor = os.open(name, flags, 0o666, dir_fd=folders[-1])
            growing = AppendedFile(descriptor, f"{self.url}/{path}")
            _sync_upwards(folders)
        return growing

    def put(self, source: Path, path: str) -> FileFacts:
        """Copy a local file here in a stream. Not atomic: nothing may point to ``path`` yet."""
        with self._descent.parents(path, make=True) as (folders, name):
            digest, size = hashlib.sha256(), 0
            with source.open("rb") as reading, _created(name, folders[-1]) as writing:
                while chunk := reading.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size += writing.write(chunk)
                _sync_file(writing)
        return FileFacts(digest.hexdigest(), size)

    def settle(self, folder: str) -> None:
        """Make what was put into ``folder`` survive a loss of power."""
        with self._descent.folders(folder, make=True) as opened:
            for _, _, _, inner in os.fwalk(".", dir_fd=opened[-1]):
                os.fsync(inner)
            _sync_upwards(opened[:-1])

    def measure(self, path: str) -> FileFacts | None:
        """Read a whole file in a stream for its checksum; None if it is not there. Raises `OddEntry`: it is no file."""
        try:
            with self.open(path) as stream:
                return measure_stream(stream)
        except FileNotFoundError:
            return None

    def listing(self, folder: str) -> dict[str, Listed]:
        """Return every file under ``folder`` by path, links as such; an empty folder counts as ``folder/.``."""
        try:
            with self._descent.folders(folder) as opened:
                return dict(self._descent.walk(opened[-1], folder))
        except FileNotFoundError:
            return {}

    def folders(self) -> list[str]:
        """Names of the folders that lie in this one, and not of those below."""
        with suppress(FileNotFoundError), mendable(self.url), os.scandir(self.folder) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
        return []

    def remove(self, path: str) -> None:
        """Remove a file or a link, if it is there."""
        with suppress(FileNotFoundError), self._descent.parents(path) as (folders, name):
            os.unlink(name, dir_fd=folders[-1])

    def remove_folder(self, folder: str) -> None:
        """Remove a folder with all that is in it, or the file or link that lies there instead, if it is there."""
        try:
            with suppress(FileNotFoundError), self._descent.parents(folder) as (folders, name):
                if is_folder(os.stat(name, dir_fd=folders[-1], follow_symlinks=False)):
                    shutil.rmtree(name, dir_fd=folders[-1])
                else:
                    os.unlink(name, dir_fd=folders[-1])
        except OSError as error:
            if error.errno not in _IN_USE:
                raise
            # NFS keeps files that somebody has open, under other names, until they are closed.
            logger.warning("%s: left for the next gc, still in use", self.folder / folder)
        except RecursionError as error:
            what = "folders are nested too deeply to remove them; remove them by hand"
            raise OddEntry(self.url, folder, what) from error

    def _linked(self, aside: str, name: str, parent: int) -> bool:
        """Give a file its name, unless that is taken."""
        try:
            os.link(aside, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
        except FileExistsError:
            # Over NFS the answer may be lost and the request made again: then the name is ours, the second of the file.
            return os.stat(aside, dir_fd=parent, follow_symlinks=False).st_nlink == 2
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            raise UserError(
                f"{self.url}: this file system has no hard links ({error.strerror}), so it cannot tell who of two was "
                "first, and money is counted here; use a store on another one, or at s3:// or gs://"
            ) from error
        return True


@contextmanager
def _aside(name: str, content: bytes, parent: int) -> Iterator[str]:
    """Write a synced file beside the place where ``name`` belongs; it is gone at the end unless it got that name."""
    aside = f".{name}.{uuid.uuid4().hex}.tmp"
    try:
        with _created(aside, parent) as stream:
            stream.write(content)
            _sync_file(stream)
        yield aside
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside, dir_fd=parent)


def _created(name: str, parent: int) -> BinaryIO:
    """Open a new file to write it; what lies there already is not written into, as it may be another name of something."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    return os.fdopen(os.open(name, flags, 0o666, dir_fd=parent), "wb")


def _sync_upwards(folders: Sequence[int]) -> None:
    """Sync folders, the last first, which may all be new."""
    for folder in reversed(folders):
        os.fsync(folder)


def _sync_file(stream: Any) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def sync(path: Path) -> None:
    """Make a file or folder survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
