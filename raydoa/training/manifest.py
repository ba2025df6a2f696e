"""A checkpoint's manifest: the checksums of its files, and what is to be known of it before anything is loaded.

A bit that is wrong in a checkpoint would make other weights and say nothing. The manifest is JSON with a digest of its
own; it is written last, and nothing is loaded from a checkpoint whose files are not those that it names. Anybody can
compute a digest, so every field is checked too, and no file is opened but plain ones in the checkpoint's own folder.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from raydoa.store.key import canonical_json
from raydoa.store.local_storage import LocalStorage
from raydoa.store.names import is_file_name, shown
from raydoa.store.record import FileFacts
from raydoa.store.record_checks import is_facts
from raydoa.store.storage import OddEntry, measure_stream

MANIFEST_FILE = "manifest.json"


class UnusableCheckpoint(Exception):
    """A checkpoint that no training can go on from; the message says why."""


@dataclass(frozen=True)
class Manifest:
    """The files of a checkpoint by name, and facts about it, whose types are not checked."""

    files: Mapping[str, FileFacts]
    facts: Mapping[str, Any]


def write_manifest(folder: Path, facts: Mapping[str, Any], name: str = MANIFEST_FILE) -> None:
    """Write the manifest of all files that are in ``folder`` now."""
    files = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as stream:
            files[path.name] = asdict(measure_stream(stream))
    body = {"files": files, "facts": dict(facts)}
    content = json.dumps({**body, "digest": _digest(body)})
    (folder / name).write_text(content, encoding="utf-8")


def read_manifest(folder: Path, name: str = MANIFEST_FILE) -> Manifest:
    """The manifest of a checkpoint, whose files are not looked at. Raises `UnusableCheckpoint`: it is missing or damaged."""
    try:
        with _opened(folder, name) as stream:
            body = json.loads(stream.read())
        files, facts, digest = body.pop("files"), body.pop("facts"), body.pop("digest")
        right = not body and digest == _digest({"files": files, "facts": facts})
    except FileNotFoundError:
        raise UnusableCheckpoint(f"it has no {name}") from None
    except OddEntry as odd:
        raise UnusableCheckpoint(f"its {name} cannot be read: {odd.problem}") from odd
    except (ValueError, AttributeError, LookupError, TypeError, RecursionError) as error:
        raise UnusableCheckpoint(f"{name} is no manifest") from error
    if not right:
        raise UnusableCheckpoint(f"{name} does not match its own digest")
    if not isinstance(files, dict) or not isinstance(facts, dict):
        raise UnusableCheckpoint(f"{name} is no manifest")
    for file, measured in files.items():
        if not is_file_name(file) or "/" in file or not is_facts(measured):
            raise UnusableCheckpoint(f"{name} is not to be believed: it names {shown(repr(file))}")
    return Manifest({file: FileFacts(**measured) for file, measured in files.items()}, facts)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Read every file of a manifest. Raises `UnusableCheckpoint`: one is not what it was."""
    for name, expected in manifest.files.items():
        try:
            with _opened(folder, name) as stream:
                measured = measure_stream(stream)
        except FileNotFoundError:
            raise UnusableCheckpoint(f"its file {name} is missing") from None
        except OddEntry as odd:
            raise UnusableCheckpoint(f"its file {name} cannot be read: {odd.problem}") from odd
        if measured != expected:
            raise UnusableCheckpoint(f"its file {name} does not match its checksum")


def check_no_others(folder: Path, names: Iterable[str]) -> None:
    """Raise `UnusableCheckpoint` if a checkpoint holds a file of another name, which would be read and was not checked.

    Hidden ones are not read, and NFS makes some.
    """
    try:
        listing = LocalStorage(folder.parent).listing(folder.name)
    except OddEntry as odd:
        raise UnusableCheckpoint(f"it cannot be read: {odd.problem}") from odd
    for name in sorted({path.removeprefix(f"{folder.name}/") for path in listing} - set(names)):
        if not name.startswith("."):
            raise UnusableCheckpoint(f"no manifest names its file {shown(repr(name))}")


def _opened(folder: Path, name: str) -> AbstractContextManager[BinaryIO]:
    """Open a file of a checkpoint; neither that nor ``folder`` may be a link. Raises FileNotFoundError, or `OddEntry`."""
    return LocalStorage(folder.parent).open(f"{folder.name}/{name}")


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(dict(body)).encode()).hexdigest()
