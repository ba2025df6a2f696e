"""What is written down in an account: one small file for each thing that happened, never changed.

An entry has a number, when and by whom it was written, the digest of the entry before it, and its own. So a file that was
changed, swapped, or put there by somebody else is noticed, and so is one that is missing.
"""

import dataclasses
import hashlib
import json
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from raydoa.errors import UserError
from raydoa.store.key import canonical_json
from raydoa.store.names import shown

SCHEMA = 1

_MOST_BYTES = 64_000


class DamagedAccount(UserError):
    """An entry that cannot be what was written; the message names its file."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(
            f"{where}: {problem}; the account's money cannot be told without it: bring the file back from a backup, or "
            "take another account (--account NAME) whose ceiling leaves out what this one may have spent"
        )


@dataclass(frozen=True)
class Ceiling:
    """The most that may ever be committed."""

    micro_usd: int


@dataclass(frozen=True)
class DailyLimit:
    """The most that may be committed in a day (UTC); None: no limit."""

    micro_usd: int | None


@dataclass(frozen=True)
class Reserved:
    """Money that somebody may spend: ``what`` for, by ``whom``; ``record`` is where it is told what of it was spent."""

    id: str
    micro_usd: int
    what: str
    record: str
    whom: str


@dataclass(frozen=True)
class Settled:
    """The reservation ``id`` has ended: ``spent`` is owed, the rest is free again. ``why``, where its owner did not say it."""

    id: str
    spent: int
    why: str


@dataclass(frozen=True)
class Paid:
    """An invoice."""

    micro_usd: int
    invoice: str


@dataclass(frozen=True)
class Adjusted:
    """What was spent is more, or less, than was thought."""

    micro_usd: int
    why: str


Event: TypeAlias = Ceiling | DailyLimit | Reserved | Settled | Paid | Adjusted

_KINDS: dict[str, type[Event]] = {
    "ceiling": Ceiling,
    "daily_limit": DailyLimit,
    "reserved": Reserved,
    "settled": Settled,
    "paid": Paid,
    "adjusted": Adjusted,
}
_NAMES = {event: kind for kind, event in _KINDS.items()}


@dataclass(frozen=True)
class Entry:
    """One event, as it lies in the store. ``nonce``: no two processes write the same bytes."""

    number: int
    at: datetime
    by: str
    nonce: str
    previous: str
    event: Event

    @property
    def digest(self) -> str:
        """The hash of all that it says."""
        return hashlib.sha256(canonical_json(self._body()).encode()).hexdigest()

    def to_bytes(self) -> bytes:
        """The content of its file."""
        body = {**self._body(), "digest": self.digest}
        return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()

    def _body(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "number": self.number,
            "at": self.at.isoformat(),
            "by": self.by,
            "nonce": self.nonce,
            "previous": self.previous,
            "kind": _NAMES[type(self.event)],
            **dataclasses.asdict(self.event),
        }


def new_entry(number: int, at: datetime, previous: str, event: Event) -> Entry:
    """An entry of this process."""
    return Entry(number, at, whoami(), uuid.uuid4().hex[:12], previous, event)


def whoami() -> str:
    """This process, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


def parse_entry(content: bytes, number: int, previous: str, where: str) -> Entry:
    """Read an entry's file; ``number`` and ``previous`` are what its place in the account says.

    Raises:
        DamagedAccount: it is not that entry.
        UserError: a newer raydoa wrote it.
    """
    if len(content) > _MOST_BYTES:
        raise DamagedAccount(where, f"{len(content):,} bytes, and an entry is a few hundred")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise DamagedAccount(where, "not JSON") from None
    schema = body.get("schema") if isinstance(body, dict) else None
    if type(schema) is not int or schema < 1:
        raise DamagedAccount(where, "no entry of an account")
    if schema > SCHEMA:
        raise UserError(
            f"{where}: written with account schema {shown(schema)}, and this raydoa reads up to {SCHEMA}; upgrade raydoa"
        )
    try:
        entry = _entry(body)
        whole = entry.digest == body["digest"]
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedAccount(where, f"not an entry: {shown(error)}") from error
    if not whole:
        raise DamagedAccount(where, "does not match its own digest")
    if (entry.number, entry.previous) != (number, previous):
        raise DamagedAccount(where, "not the entry that followed the one before it")
    return entry


def _entry(body: Mapping[str, Any]) -> Entry:
    """Raises KeyError, TypeError or ValueError: it is none."""
    common = ("schema", "number", "at", "by", "nonce", "previous", "kind", "digest")
    kind = _KINDS[body["kind"]]
    event = kind(**{name: value for name, value in body.items() if name not in common})
    for field in dataclasses.fields(event):
        _check(field.name, getattr(event, field.name), event)
    at = datetime.fromisoformat(body["at"])
    if at.tzinfo is None or not all(isinstance(body[n], str) for n in ("by", "nonce", "previous")):
        raise ValueError("a time without a zone, or no text where there should be")
    return Entry(body["number"], at.astimezone(UTC), body["by"], body["nonce"], body["previous"], event)  # fmt: skip


def _check(name: str, value: object, event: Event) -> None:
    if name not in ("micro_usd", "spent"):
        fits = isinstance(value, str)
    elif isinstance(event, DailyLimit) and value is None:
        fits = True
    else:
        fits = type(value) is int and (value >= 0 or isinstance(event, Adjusted))
    if not fits:
        raise ValueError(f"{name} is {shown(value)}")
