"""From an artifact's file to a local path that is known to hold the right bytes.

Each file's checksum is read once per process; after that its size and modification time stand for
it.
"""

import os
import uuid
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from raydoa.store.local_storage import LocalStorage
from raydoa.store.record import DamagedArtifact, FileFacts, Record
from raydoa.store.remote_storage import RemoteStorage
from raydoa.store.storage import OddEntry, measure_stream, mendable

_known: dict[tuple[Path, int, int], FileFacts] = {}
"""Checksums that this process has read, by path, size and modification time in nanoseconds."""


def bring(
    storage: LocalStorage | RemoteStorage, record: Record, names: Iterable[str], cache: Path
) -> Path:
    """Return the local folder of an artifact with the files ``names``, each of them checked.

    Files of a local place stay where they are; others are downloaded under ``cache``, unless they
    lie there whole already.

    Raises:
        DamagedArtifact: a file is missing or is not what was published.
        OddEntry: there is no way to them, whoever makes them again: a folder above them is a symbolic link.
    """
    try:
        if isinstance(storage, LocalStorage):
            folder = storage.folder / record.folder
            with suppress(FileNotFoundError):  # of facts alone, in a copy without empty folders
                storage.check_folder(record.folder)
        else:
            folder = cache / record.folder
            with mendable(str(cache)):
                folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            problem = _bring_file(storage, record, name, folder / name)
            if problem is not None:
                raise DamagedArtifact(record.key, problem, record.folder)
    except OddEntry as odd:
        if not lies_in(odd, record):
            raise
        raise DamagedArtifact(
            record.key, f"its files cannot be read: {odd}", record.folder
        ) from odd
    return folder


def _bring_file(
    storage: LocalStorage | RemoteStorage, record: Record, name: str, target: Path
) -> str | None:
    """See that a file is at ``target`` as it was published; returns what is wrong with it, or None."""
    path, expected = f"{record.folder}/{name}", record.files[name]
    if isinstance(storage, LocalStorage):
        return problem_with(name, _measured(target, partial(storage.open, path)), expected)

    def cached() -> BinaryIO:
        return target.open("rb")

    if _measured(target, cached) != expected:
        with suppress(FileNotFoundError):
            _download(storage, path, target)
    return problem_with(name, _measured(target, cached), expected)


def lies_in(odd: OddEntry, record: Record) -> bool:
    """Whether something odd is the artifact's own folder or in it, so that it goes if that is dropped."""
    return odd.path == record.folder or odd.path.startswith(f"{record.folder}/")


def problem_with(name: str, measured: FileFacts | None, expected: FileFacts) -> str | None:
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
