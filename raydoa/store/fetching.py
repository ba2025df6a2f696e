"""From an artifact's file to a local path that is known to hold the right bytes, and nothing else.

Each file's checksum is read once per process; after that its size and modification time stand for
it. Some readers are given the whole folder and open what they find there (`from_pretrained`, say), so a file that the
record does not name is damage too.
"""

import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from raydoa.errors import UserError
from raydoa.store.local_storage import LocalStorage
from raydoa.store.names import shown
from raydoa.store.record import DamagedArtifact, FileFacts, Record
from raydoa.store.remote_storage import RemoteStorage
from raydoa.store.storage import Listed, OddEntry, measure_stream, mendable

_known: dict[tuple[Path, int, int], FileFacts] = {}
"""Checksums that this process has read, by path, size and modification time in nanoseconds."""


def bring(
    storage: LocalStorage | RemoteStorage, record: Record, names: Iterable[str], cache: Path
) -> Path:
    """Return the local folder of an artifact with the files ``names``, each of them checked.

    Files of a local place stay where they are; others are downloaded under ``cache``, unless they
    lie there whole already.

    Raises:
        DamagedArtifact: a file is missing, is not what was published, or was added.
        UserError: one was added in the cache, where making the artifact again would not help.
        OddEntry: there is no way to them, whoever makes them again: a folder above them is a symbolic link.
    """
    if isinstance(storage, RemoteStorage):
        folder = _cached_folder(record, cache)
    with _odd_is_damage(record):
        if isinstance(storage, LocalStorage):
            folder = storage.folder / record.folder
            if (added := _added_file(record, storage.listing(record.folder))) is not None:
                raise DamagedArtifact(record.key, added, record.folder)
        for name in names:
            problem = _bring_file(storage, record, name, folder / name)
            if problem is not None:
                raise DamagedArtifact(record.key, problem, record.folder)
    return folder


def check(storage: LocalStorage | RemoteStorage, record: Record) -> None:
    """Read every file of an artifact again, where it lies. Raises as `bring`, but for the cache."""
    with _odd_is_damage(record):
        for name, expected in record.files.items():
            measured = storage.measure(f"{record.folder}/{name}")
            if (problem := _problem_with(name, measured, expected)) is not None:
                raise DamagedArtifact(record.key, problem, record.folder)
        if (added := _added_file(record, storage.listing(record.folder))) is not None:
            raise DamagedArtifact(record.key, added, record.folder)


@contextmanager
def _odd_is_damage(record: Record) -> Iterator[None]:
    """Take something odd for damage where it is the artifact's own folder or in it, so that it goes if that is dropped."""
    try:
        yield
    except OddEntry as odd:
        if odd.path != record.folder and not odd.path.startswith(f"{record.folder}/"):
            raise
        raise DamagedArtifact(
            record.key, f"its files cannot be read: {odd}", record.folder
        ) from odd


def _bring_file(
    storage: LocalStorage | RemoteStorage, record: Record, name: str, target: Path
) -> str | None:
    """See that a file is at ``target`` as it was published; returns what is wrong with it, or None."""
    path, expected = f"{record.folder}/{name}", record.files[name]
    if isinstance(storage, LocalStorage):
        return _problem_with(name, _measured(target, partial(storage.open, path)), expected)

    def cached() -> BinaryIO:
        return target.open("rb")

    if _measured(target, cached) != expected:
        with suppress(FileNotFoundError):
            _download(storage, path, target)
    return _problem_with(name, _measured(target, cached), expected)


def _cached_folder(record: Record, cache: Path) -> Path:
    """The folder that an artifact's files are downloaded to. Raises `UserError`: somebody has put others there."""
    folder = cache / record.folder
    with mendable(str(cache)):
        folder.mkdir(parents=True, exist_ok=True)
    if (added := _added_file(record, LocalStorage(cache).listing(record.folder))) is not None:
        raise UserError(f"{folder}: {added}; remove this folder of the cache")
    return folder


def is_complete(record: Record, listing: Mapping[str, Listed]) -> bool:
    """Tell whether a listing of the artifact's folder has its files, with the right sizes, and no others."""
    there = {path: listed.bytes for path, listed in listing.items() if listed.odd is None}
    return _added_file(record, listing) is None and all(
        there.get(f"{record.folder}/{name}") == file.bytes for name, file in record.files.items()
    )


def _added_file(record: Record, listing: Mapping[str, Listed]) -> str | None:
    """Say what a listing of the artifact's folder has that the record does not name, or return None.

    Hidden files may be there, as nobody reads them: NFS, a file manager and our own downloads leave such for a time.
    """
    above = f"{record.folder}/"
    for name in sorted(p.removeprefix(above) for p in listing if p.startswith(above)):
        hidden = any(part == "" or part.startswith(".") for part in name.split("/"))
        if not hidden and name not in record.files:
            return f"it has a file {shown(repr(name))}, which its record does not name"
    return None


def _problem_with(name: str, measured: FileFacts | None, expected: FileFacts) -> str | None:
    """Say in what a file differs from its record, or return None."""
    if measured is None:
        return f"its file {name} is missing"
    if measured.bytes != expected.bytes:
        return f"its file {name} has {measured.bytes} bytes instead of {expected.bytes}"
    if measured.sha256 != expected.sha256:
        return f"its file {name} does not match its checksum"
    return None


def _measured(
    path: Path, opened: Callable[[], AbstractContextManager[BinaryIO]]
) -> FileFacts | None:
    """Facts of the file at ``path``, which ``opened`` opens; None if it is not there."""
    try:
        with opened() as stream:
            status = os.fstat(stream.fileno())
            seen = (path, status.st_size, status.st_mtime_ns)
            if seen not in _known:
                _known[seen] = measure_stream(stream)
            return _known[seen]
    except FileNotFoundError:
        return None


def _download(storage: RemoteStorage, path: str, target: Path) -> None:
    """Download aside and rename: other processes of this machine use the same cache."""
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    with mendable(str(target.parent)):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        storage.get(path, aside)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
