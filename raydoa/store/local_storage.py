"""A place in a folder of this machine or of a network file system.

A small file is written aside, synced and renamed with `os.replace`; a big one is copied into a
folder that nobody reads yet and synced with its folder. No locks and no exclusive creation, so NFS
is as good as a disk.
"""

import errno
import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from raydoa.store.record import FileFacts
from raydoa.store.storage import CHUNK_BYTES, Listed, measure_stream, mendable

logger = logging.getLogger(__name__)

_IN_USE = (errno.ENOTEMPTY, errno.EBUSY)


class LocalStorage:
    """A folder of this machine or of a network file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = str(folder)

    def read(self, path: str) -> bytes:
        """Return a small file's content, or raise FileNotFoundError."""
        with mendable(self.url):
            return (self.folder / path).read_bytes()

    def read_all(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield many small files with their content; those gone meanwhile are left out."""
        for path in paths:
            with suppress(FileNotFoundError):
                yield path, self.read(path)

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a small file at once: readers see the old one or the new one, whole."""
        final = self.folder / path
        aside = final.with_name(f".{final.name}.{uuid.uuid4().hex}.tmp")
        with mendable(self.url):
            final.parent.mkdir(parents=True, exist_ok=True)
            try:
                with aside.open("wb") as stream:
                    stream.write(content)
                    _sync_file(stream)
                aside.replace(final)
            finally:
                aside.unlink(missing_ok=True)
            self._sync_upwards(final.parent)

    def put(self, source: Path, path: str) -> FileFacts:
        """Copy a local file here in a stream. Not atomic: nothing may point to ``path`` yet."""
        target = self.folder / path
        with mendable(self.url):
            target.parent.mkdir(parents=True, exist_ok=True)
            digest, size = hashlib.sha256(), 0
            with source.open("rb") as reading, target.open("wb") as writing:
                while chunk := reading.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size += writing.write(chunk)
                _sync_file(writing)
        return FileFacts(digest.hexdigest(), size)

    def settle(self, folder: str) -> None:
        """Make what was put into ``folder`` survive a loss of power."""
        with mendable(self.url):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
            for inner, _, _ in os.walk(self.folder / folder):
                sync(Path(inner))
            self._sync_upwards((self.folder / folder).parent)

    def measure(self, path: str) -> FileFacts | None:
        """Read a whole file in a stream for its checksum; None if it is not there."""
        try:
            with mendable(self.url), (self.folder / path).open("rb") as stream:
                return measure_stream(stream)
        except FileNotFoundError:
            return None

    def listing(self, folder: str) -> dict[str, Listed]:
        """Return every file under ``folder`` by path; an empty folder counts as ``folder/.``."""
        listing: dict[str, Listed] = {}
        for inner, folders, files in os.walk(self.folder / folder):
            for name in files or ([] if folders else ["."]):
                path = Path(inner) / name
                with suppress(FileNotFoundError):  # removed since it was listed
                    facts = path.stat()
                    size = 0 if name == "." else facts.st_size
                    listing[path.relative_to(self.folder).as_posix()] = Listed(size, facts.st_mtime)
        return listing

    def folders(self) -> list[str]:
        """Names of the folders that lie in this one, and not of those below."""
        with suppress(FileNotFoundError), mendable(self.url), os.scandir(self.folder) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
        return []

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        with mendable(self.url):
            (self.folder / path).unlink(missing_ok=True)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        try:
            with mendable(self.url), suppress(FileNotFoundError):
                shutil.rmtree(self.folder / folder)
        except OSError as error:
            if error.errno not in _IN_USE:
                raise
            # NFS keeps files that somebody has open, under other names, until they are closed.
            logger.warning("%s: left for the next gc, still in use", self.folder / folder)

    def _sync_upwards(self, folder: Path) -> None:
        """Sync ``folder`` and those above it up to the root, which may all be new."""
        while folder != self.folder.parent:
            sync(folder)
            folder = folder.parent


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
