"""What is remembered of batches: notes at ``batches/<task>/<question>/`` in a store, from before a batch is made until its results are in.

A batch has two write-once files, each a line with its checksum: ``<id>.asked`` says what is about to be bought and from
which uploaded file, and ``<id>.made`` what the endpoint calls the batch. Their id is that of the reservation that pays for
it, and of the segment in the journal that will hold its results. Once that is there and settled, the notes go.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from raydoa.errors import UserError
from raydoa.llm.journal import Journal
from raydoa.llm.segment import body_of, checked_line
from raydoa.llm.tokens import TokenRates, Usage
from raydoa.store.names import shown

SCHEMA = 1

_NOTE = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]{0,99})\.(asked|made)")
_ENDPOINTS_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")


class DamagedNote(UserError):
    """A note that cannot be what was written; the message names its file."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(
            f"{where}: {problem}; it tells of a batch that may have been bought: bring it back from a backup, or move it out "
            "of the store, and what only it asked is asked again"
        )


@dataclass(frozen=True)
class Call:
    """A request of a batch: whose row, and the most tokens that it can take."""

    row_id: str
    highest: Usage


@dataclass(frozen=True)
class Note:
    """A batch that is about to be made, or was.

    Attributes:
        id: of its reservation, and of the segment of its results.
        file: what the endpoint calls the file of its requests.
        where: the endpoint, for people.
        at: unix seconds.
        rates: at which it is bought.
        calls: by the key of their request.
    """

    id: str
    file: str
    where: str
    at: float
    rates: TokenRates
    calls: dict[str, Call]

    @cached_property
    def micro_usd(self) -> int:
        """What it may cost."""
        return sum(map(self.cost, self.calls))

    def cost(self, key: str) -> int:
        """What one of its calls may cost."""
        return self.rates.micro_usd(self.calls[key].highest)


class BatchNotes:
    """The notes that belong to a journal."""

    def __init__(self, journal: Journal) -> None:
        self._store = journal.store
        self._folder = re.sub(r"^answers/", "batches/", journal.folder)

    def open(self) -> Iterator[Note]:
        """Yield the batches whose results are not in, the first made first. Raises `DamagedNote`."""
        for id in self._ids():
            if (body := self._body(id, "asked")) is not None:
                yield self._note(id, body)

    def has(self, id: str) -> bool:
        """Whether a batch of this id is open."""
        return id in self._ids()

    def intend(self, note: Note) -> None:
        """Note that a batch is about to be made."""
        calls = {key: [call.row_id, *asdict(call.highest).values()] for key, call in note.calls.items()}  # fmt: skip
        self._create(note.id, "asked", {**vars(note), "rates": asdict(note.rates), "calls": calls})

    def tell(self, id: str, batch: str) -> None:
        """Note what the endpoint calls it."""
        self._create(id, "made", {"batch": batch})

    def batch(self, id: str) -> str | None:
        """What the endpoint calls it; None: that is not noted."""
        body = self._body(id, "made")
        if body is None:
            return None
        if not is_id(body.get("batch")):
            raise DamagedNote(self.where(id, "made"), "names no batch")
        return str(body["batch"])

    def forget(self, id: str) -> None:
        """Its results are in, or it was never made."""
        for kind in ("made", "asked"):
            self._store.place.remove(self._path(id, kind))

    def where(self, id: str, kind: str = "asked") -> str:
        """The place of a note, for people."""
        return f"{self._store.url}/{self._path(id, kind)}"

    def _ids(self) -> list[str]:
        found = []
        for path, listed in sorted(self._store.place.listing(self._folder).items()):
            name = path.removeprefix(f"{self._folder}/")
            if name.startswith("."):
                continue  # Somebody is writing.
            match = _NOTE.fullmatch(name)
            if match is None or listed.odd is not None:
                where = f"{self._store.url}/{shown(path, 300)}"
                raise DamagedNote(where, f"{listed.odd or 'a file'} that is no note of a batch")
            if match[2] == "asked":
                found.append(match[1])
        return found

    def _path(self, id: str, kind: str) -> str:
        return f"{self._folder}/{id}.{kind}"

    def _create(self, id: str, kind: str, body: dict[str, Any]) -> None:
        # What is there already is this, of an attempt whose answer was lost or of somebody who found the same.
        self._store.prepare()
        self._store.place.create(self._path(id, kind), checked_line({"schema": SCHEMA, **body}))

    def _body(self, id: str, kind: str) -> dict[str, Any] | None:
        where = self.where(id, kind)
        try:
            content = self._store.place.read(self._path(id, kind))
        except FileNotFoundError:
            return None
        try:
            body = body_of(content.removesuffix(b"\n"))
        except (ValueError, TypeError, RecursionError) as error:
            raise DamagedNote(where, shown(error)) from error
        schema = body.pop("schema", None)
        if type(schema) is int and schema > SCHEMA:
            raise UserError(
                f"{where}: written with schema {schema} of batches, and this raydoa reads up to {SCHEMA}; upgrade raydoa"
            )
        if schema != SCHEMA:
            raise DamagedNote(where, "no note of a batch")
        return body

    def _note(self, id: str, body: dict[str, Any]) -> Note:
        try:
            calls = {
                str(key): Call(str(row_id), Usage(*map(_count, tokens)))
                for key, (row_id, *tokens) in body["calls"].items()
            }
            rates = TokenRates(**{kind: _count(rate) for kind, rate in body["rates"].items()})
            note = Note(
                body["id"], body["file"], str(body["where"]), float(body["at"]), rates, calls
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedNote(self.where(id), f"no note of a batch: {shown(error)}") from error
        if note.id != id or not is_id(note.file):
            raise DamagedNote(self.where(id), f"the note of another batch: {shown(note.id)}")
        return note


def is_id(value: object) -> bool:
    """Whether it can be what an endpoint calls a file or a batch: it becomes a part of a URL."""
    return isinstance(value, str) and _ENDPOINTS_ID.fullmatch(value) is not None and ".." not in value  # fmt: skip


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{shown(value)} is where a count belongs")
    return value
