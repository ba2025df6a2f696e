"""What the store knows about one artifact: a small JSON file, written last.

An artifact exists when its record does. The record says what was made (kind, version, config, keys
of the inputs), where its files lie and the checksum of each, what a reader may want without opening
them (``facts``), and how it came about (``provenance``, never part of an identity). Its own digest,
over the canonical JSON of all the rest, tells a damaged record from a good one; since anybody can compute that,
every field's type and every path is checked as well (`raydoa.store.record_checks`) before any of it is believed.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from raydoa.errors import UserError
from raydoa.store.key import Json, Stage, UnstableValue, canonical_json, plain_dict
from raydoa.store.names import check_name, shown
from raydoa.store.record_checks import field_problem

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


class NewerSchema(UserError):
    """Something that a newer raydoa wrote: not damage, so it is left alone."""


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
        ValueError: a file's name may not be one.
    """
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "key": stage.key,
        **stage.identity(),
        "files": {check_name(name): file for name, file in files.items()},
        "facts": plain_dict(facts, "facts"),
        "provenance": plain_dict(provenance, "provenance"),
        "created_at": datetime.now(UTC).isoformat(),
        "folder": folder,
    }
    return Record(**body, digest=_digest(body))


def parse_record(content: bytes, key: str, where: str) -> Record:
    """Read the content of the record of ``key``; ``where`` is its place, for errors.

    Raises:
        DamagedArtifact: it is not JSON, lacks fields, is of another key, fails its own digest, or holds something that
            no record may.
        NewerSchema: a newer raydoa wrote it.
    """
    try:
        body = json.loads(content)
    except ValueError as error:
        raise DamagedArtifact(key, f"its record {where} is not JSON") from error
    except RecursionError as error:
        raise DamagedArtifact(key, f"its record {where} is nested too deeply") from error
    try:
        problem = _problem(body, key, where)
    except RecursionError:
        problem = "is nested too deeply"
    except UnstableValue as error:
        problem = f"holds no plain JSON: {shown(error, 200)}"
    if problem is not None:
        raise DamagedArtifact(key, f"its record {where} {problem}")
    files = {name: FileFacts(**facts) for name, facts in body.pop("files").items()}
    return Record(**body, files=files)


def _problem(body: Any, key: str, where: str) -> str | None:
    """Say why ``body`` cannot be the record of ``key``, or return None."""
    if not isinstance(body, dict) or not is_schema(body.get("schema")):
        return "has no schema"
    check_schema(body["schema"], where)
    names = {field.name for field in dataclasses.fields(Record)}
    if body.keys() != names:
        return f"lacks or adds the fields {shown(', '.join(sorted(body.keys() ^ names)))}"
    if body["digest"] != _digest({name: body[name] for name in names - {"digest"}}):
        return "does not match its own digest"
    if body["key"] != key:
        return f"is that of {shown(body['key'])}"
    problem = field_problem(body)
    return None if problem is None else f"is not to be believed: {problem}"


def is_schema(value: object) -> bool:
    """Whether it may be the number of a schema."""
    return type(value) is int and value > 0


def check_schema(schema: int, where: str) -> None:
    """Refuse what a newer raydoa wrote. Raises `NewerSchema`: ``schema`` is above what this code reads."""
    if schema > SCHEMA:
        raise NewerSchema(
            f"{where}: written with store schema {shown(schema)}, and this raydoa reads up to "
            f"{SCHEMA}; upgrade raydoa, or use another store"
        )


def _digest(body: Mapping[str, object]) -> str:
    return hashlib.sha256(canonical_json(dict(body)).encode()).hexdigest()
