"""What of a store may go: a pure function of what lies in it.

Two kinds of things are garbage: what no record points to (attempts of writers that died or
came second, temporary files), and, only where the caller says which artifacts to keep, every
artifact that none of those depends on. What is young is never garbage, and neither is what
something young depends on: somebody may be about to use it.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from raydoa.errors import UserError
from raydoa.store.names import Attempt, attempt_at, is_plain_path
from raydoa.store.record import DamagedArtifact, Record
from raydoa.store.storage import Listed


@dataclass(frozen=True)
class Garbage:
    """One thing that may go. ``key`` is the artifact it is (or was meant to be) part of."""

    what: Literal["artifact", "attempt", "temporary"]
    key: str
    path: str
    bytes: int
    age_seconds: float


def find_garbage(
    records: Mapping[str, Record | DamagedArtifact],
    files: Mapping[str, Listed],
    *,
    keep: AbstractSet[str] | None,
    older_than_seconds: float,
    now: datetime,
) -> list[Garbage]:
    """Return what may go, given all ``records`` and the ``files`` listed before they were read.

    Args:
        records: by key; a damaged one protects all attempts of its key, since it may point to any.
        files: everything under ``data/`` and ``records/``.
        keep: keys of artifacts to keep, with all that they depend on; None keeps every artifact.
        older_than_seconds: what is younger stays.
        now: with a time zone.

    Raises:
        UserError: with ``keep``, a record is damaged, so what it depends on is unknown.
    """
    garbage: list[Garbage] = []
    if keep is not None:
        good = _readable(records)
        young = {key for key, r in good.items() if r.age_seconds(now) < older_than_seconds}
        live = closure_of(keep | young, good)
        garbage += [
            Garbage("artifact", key, record.folder, record.size_bytes, record.age_seconds(now))
            for key, record in sorted(good.items())
            if key not in live
        ]
    garbage += _attempts(records, files, now) + _temporaries(files, now)
    return [piece for piece in garbage if piece.age_seconds >= older_than_seconds]


def closure_of(keys: AbstractSet[str], records: Mapping[str, Record]) -> set[str]:
    """Return ``keys`` and all that they depend on, as far as there are records to follow."""
    seen: set[str] = set()
    left = list(keys)
    while left:
        key = left.pop()
        if key not in seen:
            seen.add(key)
            left.extend(records[key].input_keys() if key in records else ())
    return seen


def _readable(records: Mapping[str, Record | DamagedArtifact]) -> dict[str, Record]:
    good: dict[str, Record] = {}
    for key, record in records.items():
        if isinstance(record, DamagedArtifact):
            raise UserError(
                f"{record}; what it depends on is unknown, so nothing was removed: drop it first "
                "(raydoa store verify --drop)"
            ) from record
        good[key] = record
    return good


def _attempts(
    records: Mapping[str, Record | DamagedArtifact], files: Mapping[str, Listed], now: datetime
) -> list[Garbage]:
    """Return the attempts that no record points to, whatever their age."""
    attempts: dict[Attempt, list[Listed]] = {}
    for path, listed in files.items():
        if attempt := attempt_at(path):
            attempts.setdefault(attempt, []).append(listed)
    unrecorded = []
    for attempt, inside in sorted(attempts.items(), key=lambda item: item[0].folder):
        key, folder = attempt.key, attempt.folder
        record = records.get(key)
        if isinstance(record, DamagedArtifact) or (record and record.folder == folder):
            continue
        age = now.timestamp() - _last_touched(attempt, inside)
        unrecorded.append(Garbage("attempt", key, folder, sum(file.bytes for file in inside), age))
    return unrecorded


def _temporaries(files: Mapping[str, Listed], now: datetime) -> list[Garbage]:
    """Return the records that somebody was writing aside when it died (local places only)."""
    temporaries = []
    for path, listed in sorted(files.items()):
        name = path.rpartition("/")[2]
        ours = path.startswith("records/") and is_plain_path(path)
        if ours and name.startswith(".") and name.endswith(".tmp"):
            age = now.timestamp() - (listed.modified or now.timestamp())
            temporaries.append(Garbage("temporary", name.split(".")[1], path, listed.bytes, age))
    return temporaries


def _last_touched(attempt: Attempt, inside: list[Listed]) -> float:
    """Return when something last happened to an attempt (begin or write), in unix seconds."""
    times = [file.modified for file in inside if file.modified is not None]
    return max([*times, attempt.began.timestamp()])
