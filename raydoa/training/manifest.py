"""A checkpoint's manifest: the checksums of its files, and what is to be known of it before anything is loaded.

A bit that is wrong in a checkpoint would make other weights and say nothing. The manifest is JSON with a digest of its
own; it is written last, and nothing is loaded from a checkpoint whose files are not those that it names.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from raydoa.store.key import canonical_json
from raydoa.store.record import FileFacts
from raydoa.store.storage import measure_stream

MANIFEST_FILE = "manifest.json"


class UnusableCheckpoint(Exception):
    """A checkpoint that no training can go on from; the message says why."""


@dataclass(frozen=True)
class Manifest:
    """The files of a checkpoint by name, and facts about it."""

    files: Mapping[str, FileFacts]
    facts: Mapping[str, Any]


def write_manifest(folder: Path, facts: Mapping[str, Any], name: str = MANIFEST_FILE) -> None:
    """Write the manifest of all files that are in ``folder`` now."""
    files = {path.name: asdict(_measured(path)) for path in sorted(folder.iterdir())}
    body = {"files": files, "facts": dict(facts)}
    content = json.dumps({**body, "digest": _digest(body)})
    (folder / name).write_text(content, encoding="utf-8")


def read_manifest(folder: Path, name: str = MANIFEST_FILE) -> Manifest:
    """The manifest of a checkpoint, whose files are not looked at. Raises `UnusableCheckpoint`: it is missing or damaged."""
    try:
        body = json.loads((folder / name).read_bytes())
        digest = body.pop("digest")
        if digest != _digest(body):
            raise UnusableCheckpoint(f"{name} does not match its own digest")
    except FileNotFoundError:
        raise UnusableCheckpoint(f"it has no {name}") from None
    except (ValueError, AttributeError, LookupError, TypeError, RecursionError) as error:
        raise UnusableCheckpoint(f"{name} is no manifest") from error
    files = {name: FileFacts(**facts) for name, facts in body["files"].items()}
    return Manifest(files, body["facts"])


def check_files(folder: Path, manifest: Manifest) -> None:
    """Read every file of a manifest. Raises `UnusableCheckpoint`: one is not what it was."""
    for name, expected in manifest.files.items():
        if not (folder / name).is_file():
            raise UnusableCheckpoint(f"its file {name} is missing")
        if _measured(folder / name) != expected:
            raise UnusableCheckpoint(f"its file {name} does not match its checksum")


def _measured(path: Path) -> FileFacts:
    with path.open("rb") as stream:
        return measure_stream(stream)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(dict(body)).encode()).hexdigest()
