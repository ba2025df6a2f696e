"""What the store knows about one artifact: a small JSON file, written last.

An artifact exists when its record does. The record says what was made (kind, version, config, keys
of the inputs), where its files lie and the checksum of each, what a reader may want without opening
them (``facts``), and how it came about (``provenance``, never part of an identity). Its own digest,
over the canonical JSON of all the rest, tells a damaged record from a good one.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from raydoa.errors import UserError
from raydoa.store.key import Json, Stage, UnstableValue, canonical_json, plain_dict

SCHEMA = 1
"""Version of the records and the layout; raised when older code could not read what is written."""


class DamagedArtifact(Exception):
    """An artifact that is not what its record says; to be dropped and made again.

    ``folder`` is the attempt that is damaged; None where the record itself cannot be read. Hand it to `Store.drop`, so
    that a good artifact published in the meantime is not dropped.
    """

    def __init__(self, key: str, why: str, folder: str | None = None) -> None:
        super().__init__(key, why, folder)
        self.key = key
        self.why = why
        self.folder = folder

    def __str__(self) -> str:
        return f"artifact {self.key} is damaged: {self.why}"


@dataclass(frozen=True)
class FileFacts:
    """One file of an artifact: sha256 in hexadecimal, and its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Record:
    """The record of one artifact. ``folder`` and the names of files are relative, with slashes."""

    schema: int
    key: str
    kind: str
    version: int
    config: dict[str, Json]
    inputs: dict[str, Json]
    files: dict[str, FileFacts]
    facts: dict[str, Json]
    provenance: dict[str, Json]
    created_at: str
    folder: str
    digest: str

    @property
    def size_bytes(self) -> int:
        """Size of all the files together."""
        return sum(file.bytes for file in self.files.values())

    @property
    def content(self) -> str:
        """A hash of the names and checksums of all files: the same key made again may hold other bytes."""
        lines = [f"{name} {file.sha256}" for name, file in sorted(self.files.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def input_keys(self) -> tuple[str, ...]:
        """Return the keys of all inputs, in the order of the names of their fields."""
        keys: list[str] = []
        for _, value in sorted(self.inputs.items()):
            keys.extend(str(key) for key in (value if isinstance(value, list) else [value]))
        return tuple(keys)

    def age_seconds(self, now: datetime) -> float:
        """Return the seconds from the publication until ``now`` (which has a time zone)."""
        return (now - datetime.fromisoformat(self.created_at)).total_seconds()

    def to_bytes(self) -> bytes:
        """Return the content of the record's file."""
        return (json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n").encode()


def make_record(
    stage: Stage,
    folder: str,
    files: Mapping[str, FileFacts],
    facts: Mapping[str, object],
    provenance: Mapping[str, object],
) -> Record:
    """Build the record of ``stage``, made just now into ``folder`` (relative to the store).

    Raises:
        UnstableValue: a value of the facts or the provenance cannot be written; its field is named.
    """
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "key": stage.key,
        **stage.identity(),
        "files": dict(files),
        "facts": plain_dict(facts, "facts"),
        "provenance": plain_dict(provenance, "provenance"),
        "created_at": datetime.now(UTC).isoformat(),
        "folder": folder,
    }
    return Record(**body, digest=_digest(body))


def parse_record(content: bytes, key: str, where: str) -> Record:
    """Read the content of the record of ``key``; ``where`` is its place, for errors.

    Raises:
        DamagedArtifact: it is not JSON, lacks fields, is of another key, or fails its own digest.
        UserError: a newer raydoa wrote it.
    """
    try:
        body = json.loads(content)
    except ValueError as error:
        raise DamagedArtifact(key, f"its record {where} is not JSON") from error
    if not isinstance(body, dict) or not isinstance(body.get("schema"), int):
        raise DamagedArtifact(key, f"its record {where} has no schema")
    check_schema(body["schema"], where)
    names = {field.name for field in dataclasses.fields(Record)}
    if body.keys() != names:
        odd = ", ".join(sorted(body.keys() ^ names))
        raise DamagedArtifact(key, f"its record {where} lacks or adds the fields {odd}")
    digest = body.pop("digest")
    try:
        expected = _digest(body)
    except UnstableValue as error:
        raise DamagedArtifact(key, f"its record {where} holds no plain JSON: {error}") from error
    if digest != expected:
        raise DamagedArtifact(key, f"its record {where} does not match its own digest")
    if body["key"] != key:
        raise DamagedArtifact(key, f"its record {where} is that of {body['key']}")
    files = {check_name(name): FileFacts(**facts) for name, facts in body.pop("files").items()}
    return Record(**body, files=files, digest=digest)


def check_schema(schema: int, where: str) -> None:
    """Refuse what a newer raydoa wrote. Raises `UserError`: ``schema`` is above what this code reads."""
    if schema > SCHEMA:
        raise UserError(
            f"{where}: written with store schema {schema}, and this raydoa reads up to {SCHEMA}; "
            "upgrade raydoa, or use another store"
        )


def check_name(name: str) -> str:
    """Return ``name``, of a file in an artifact's folder, after asserting that it stays inside."""
    path = PurePosixPath(name)
    assert name and not path.is_absolute() and ".." not in path.parts, f"bad file name {name!r}"
    assert str(path) == name, f"bad file name {name!r}"
    return name


def _digest(body: Mapping[str, object]) -> str:
    return hashlib.sha256(canonical_json(dict(body)).encode()).hexdigest()
