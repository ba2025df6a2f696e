"""From an artifact's file to a local path that is known to hold the right bytes.

Each file's checksum is read once per process; after that its size and modification time stand for
it.
"""

import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from raydoa.store.local_storage import LocalStorage
from raydoa.store.record import DamagedArtifact, FileFacts, Record
from raydoa.store.remote_storage import RemoteStorage
from raydoa.store.storage import measure_stream, mendable

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
    """
    folder = (storage.folder if isinstance(storage, LocalStorage) else cache) / record.folder
    if isinstance(storage, RemoteStorage):
        with mendable(str(cache)):
            folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        expected = record.files[name]
        if isinstance(storage, RemoteStorage) and _measured(folder / name) != expected:
            with suppress(FileNotFoundError):
                _download(storage, f"{record.folder}/{name}", folder / name)
        problem = problem_with(name, _measured(folder / name), expected)
        if problem is not None:
            raise DamagedArtifact(record.key, problem, record.folder)
    return folder


def problem_with(name: str, measured: FileFacts | None, expected: FileFacts) -> str | None:
    """Say in what a file differs from its record, or return None."""
    if measured is None:
        return f"its file {name} is missing"
    if measured.bytes != expected.bytes:
        return f"its file {name} has {measured.bytes} bytes instead of {expected.bytes}"
    if measured.sha256 != expected.sha256:
        return f"its file {name} does not match its checksum"
    return None


def _measured(path: Path) -> FileFacts | None:
    try:
        with path.open("rb") as stream:
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
