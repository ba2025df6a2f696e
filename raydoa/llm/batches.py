"""Requests that are asked through the batch interface of an endpoint, at its own price, and bought once whoever dies when.

A batch is noted in the store before it is made (`raydoa.llm.batch_notes`), under the id of the reservation that pays for it:

    upload the file -> note what will be asked -> reserve -> make the batch -> note its name
    -> wait -> fetch the results -> put them into the journal, at once -> settle the reservation -> forget the notes

Each step can be the last of its process. Whoever asks for one of those requests next, in this run or another, finds the
notes and goes on after the last step that was done; each step that is done twice changes nothing. A note without a name is
of a batch that was made or was not: it is looked for in the endpoint's list, and given up when it is not there after so
long that it cannot be on its way any more. What has no answer then is asked again, in another batch.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from raydoa.errors import UserError
from raydoa.llm.answer import Answer, Request
from raydoa.llm.batch_endpoint import BatchEndpoint, BatchState, Busy, Gone
from raydoa.llm.batch_file import parts
from raydoa.llm.batch_notes import BatchNotes, Call, Note
from raydoa.llm.batch_results import Results, read_results
from raydoa.llm.client import Connection
from raydoa.llm.journal import Journal
from raydoa.llm.refusals import Trouble, end_line, pause
from raydoa.llm.segment import Segment
from raydoa.llm.tokens import TokenRates

_LOG = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 5.0, 300.0
_CERTAIN_SECONDS = 300.0
"""After which a batch that is not in the list was never made."""
_WAITING = ("validating", "queued", "in_progress", "finalizing", "cancelling")
_ENDED = ("completed", "failed", "expired", "cancelled")
_BUSY = ("token_limit_exceeded", "rate_limit_exceeded")
"""Why a batch may fail that will do later: too much waits in others."""


class Money(Protocol):
    """Reservations that outlive their process."""

    def reserve(self, id: str, micro_usd: int) -> None:
        """Keep so much under a name. Raises `UserError`: there is not so much left; nothing is reserved."""

    def settle(self, id: str, spent: int) -> None:
        """End a reservation: so much of it was spent. Once: what has ended, or never was, stays so."""


async def ask_in_batches(
    requests: Sequence[Request],
    connection: Connection,
    rates: TokenRates,
    money: Money,
    journal: Journal,
    told: Callable[[Answer], None],
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], float] = time.time,
) -> int:
    """Ask an endpoint, and wait for all answers, which are in the journal then; returns what they cost, in micro-dollars.

    Args:
        requests: what is asked; none of them has an answer.
        connection: to the endpoint, open.
        rates: of its batch interface.
        money: where each batch is reserved and settled.
        journal: where answers are kept; notes of batches lie beside it.
        told: hears of each answer after it is kept.
        rest: waits some seconds.
        now: unix seconds.

    Raises:
        UserError: what no retry mends; the money does not suffice; what was bought is kept, or noted.
    """
    return await _Batching(connection, rates, money, journal, told, rest, now).all(requests)


async def order_batches(
    requests: Sequence[Request],
    connection: Connection,
    rates: TokenRates,
    money: Money,
    journal: Journal,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], float] = time.time,
) -> None:
    """Make the batches that `ask_in_batches` would make first, and wait for none: one day may answer many of them.

    Raises:
        UserError: as there; also where too much waits already.
    """
    batching = _Batching(connection, rates, money, journal, lambda answer: None, rest, now)
    await batching.order(requests)


class _Batching:
    def __init__(
        self,
        connection: Connection,
        rates: TokenRates,
        money: Money,
        journal: Journal,
        told: Callable[[Answer], None],
        rest: Callable[[float], Awaitable[None]],
        now: Callable[[], float],
    ) -> None:
        self._connection, self._rates, self._money = connection, rates, money
        self._journal, self._told, self._rest, self._now = journal, told, rest, now
        self._notes = BatchNotes(journal)
        self._endpoint = BatchEndpoint(connection, rest)
        self._name = connection.spec.name
        # Twice as long as it may take to make a batch.
        self._certain = max(_CERTAIN_SECONDS, 2 * connection.spec.limits.timeout_seconds)
        self._busy, self._wait = 0, 0.0

    async def all(self, requests: Sequence[Request]) -> int:
        most = {request.key: self._rates.micro_usd(request.highest) for request in requests}
        left = {request.key: request for request in requests}
        spent = taken = rounds = 0
        while True:
            last = rounds > self._connection.spec.limits.retries
            for note in self._notes.open():
                # What is in the journal is settled, even if nobody here has asked for it.
                is_in = self._journal.segment(note.id) is not None
                # Of all that is wanted: two may have bought the same at one moment, and each is to be settled.
                if is_in or most.keys() & note.calls.keys():
                    segment = await self._end(note, last=last)
                    for key in segment.answers:
                        left.pop(key, None)
                    for key, cost in segment.costs.items():
                        spent += cost if key in most else 0
                        taken += min(cost, most.get(key, 0))
            if not left:
                return spent
            if self._busy:
                await self._rest(max(self._wait, min(_LONGEST_WAIT, _FIRST_WAIT * 2**self._busy)))
            elif last:
                raise UserError(
                    f"LLM {self._name}: {len(left):,} calls have no answer after {rounds} batches; run it again"
                )
            rounds += not self._busy
            if taken + sum(most[key] for key in left) > sum(most.values()):
                raise UserError(
                    f"LLM {self._name}: {len(left):,} of {len(most):,} calls were not made again: results that are missing or "
                    "broken may be billed, and took what was reserved for them; see `raydoa account`, and run it again"
                )
            try:
                for part in parts(left.values()):
                    await self._submit(part)
            except Busy as busy:
                self._busy, self._wait = self._busy + 1, busy.wait

    async def order(self, requests: Sequence[Request]) -> None:
        """Make batches of what is in none."""
        noted = {key for note in self._notes.open() for key in note.calls}
        for part in parts([request for request in requests if request.key not in noted]):
            await self._submit(part)

    async def _submit(self, lines: dict[str, tuple[Request, bytes]]) -> None:
        id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-batch-{uuid.uuid4().hex[:12]}"
        content = b"".join(line for _, line in lines.values())
        file = await self._endpoint.upload(f"{id}.jsonl", content)
        calls = {key: Call(request.row_id, request.highest) for key, (request, _) in lines.items()}
        note = Note(id, file, self._connection.where, self._now(), self._rates, calls)
        self._notes.intend(note)
        try:
            self._money.reserve(id, note.micro_usd)
            if self._now() > note.at + self._certain / 2:
                raise Busy(f"LLM {self._name}: somebody may take this batch for one that is not made", 0.0)  # fmt: skip
            batch = await self._endpoint.create(file, id)
        except UserError:
            # Nothing was made.
            self._money.settle(id, 0)
            self._notes.forget(id)
            raise
        if batch is not None:
            self._notes.tell(id, batch)
            _LOG.info("LLM %s: batch %s of %d calls", self._name, batch, len(calls))

    async def _end(self, note: Note, *, last: bool) -> Segment:
        """Wait for a batch and keep what it brings; returns that."""
        end: Trouble | None = None
        segment = self._journal.segment(note.id)
        if segment is None:
            results = await self._results(note, last=last)
            end = results.end
            # Somebody who waits for the same batch may be quicker: then that is what it brought.
            self._journal.put(note.id, f"a batch of {note.where}", results.lines)
            segment = self._journal.segment(note.id)
            assert segment is not None
            for answer in segment.answers.values():
                self._told(answer)
        self._money.settle(note.id, segment.spent)
        self._notes.forget(note.id)
        if end is not None:
            raise UserError(end_line(end, self._connection))
        return segment

    async def _results(self, note: Note, *, last: bool) -> Results:
        batch = self._notes.batch(note.id)
        if batch is None:
            batch = await self._found(note)
            if batch is None:
                self._busy = 0
                _LOG.warning("LLM %s: a batch of %d calls was not made", self._name, len(note.calls))  # fmt: skip
                return Results()
            self._notes.tell(note.id, batch)
        try:
            state = await self._done(batch)
            results = await self._fetched(note, state, last=last)
        except Gone as gone:
            raise UserError(
                f"LLM {self._name}: {gone} is not at {self._connection.where}; it was made at {note.where}: ask there, with the key "
                f"of then. If it is gone for good, remove {self._notes.where(note.id)}: its {len(note.calls):,} calls are asked "
                "again then, and stay owed as well"
            ) from gone
        never_ran = state.status == "failed" and not state.files
        self._busy, self._wait = self._busy + 1 if never_ran else 0, 0.0
        if never_ran:
            return Results(end=None if state.error[1] in _BUSY else _refused(state))
        for line in results.odd:
            _LOG.warning("LLM %s: batch %s: %s", self._name, batch, line)
        return results

    async def _fetched(self, note: Note, state: BatchState, *, last: bool) -> Results:
        """Read the files of a batch, again where something that was answered is missing: that costs nothing."""
        attempt = 0
        while True:
            files = [await self._endpoint.fetch(file) for file in state.files]
            results = read_results(note, state, files, self._connection, last=last)
            if results.whole or not files or attempt == self._connection.spec.limits.retries:
                return results
            attempt += 1
            await self._rest(pause(attempt, None))

    async def _found(self, note: Note) -> str | None:
        """What the endpoint calls a batch that may have been made; None: it was not."""
        wait = _FIRST_WAIT
        _LOG.info(
            "LLM %s: looking for a batch of %d calls that may have been made",
            self._name,
            len(note.calls),
        )
        while True:
            # Looked at before the list is.
            is_late = self._now() > note.at + self._certain
            batch = await self._endpoint.find(note)
            if batch is not None or is_late:
                return batch
            await self._rest(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _done(self, batch: str) -> BatchState:
        """Wait for the end of a batch."""
        wait, said = _FIRST_WAIT, ""
        while True:
            state = await self._endpoint.look(batch)
            if state.status in _ENDED:
                return state
            if state.status not in _WAITING:
                raise UserError(
                    f"LLM {self._name}: batch {batch} is {state.status}, which this raydoa does not know; it stays noted: run again"
                )
            if said != (said := f"{state.status}, {state.progress}"):
                _LOG.info("LLM %s: batch %s is %s", self._name, batch, said)
            await self._rest(wait)
            wait = min(1.5 * wait, _LONGEST_WAIT)


def _refused(state: BatchState) -> Trouble:
    message, code = state.error
    reason = f"batch {state.id} failed: {code} {message}".rstrip()
    return Trouble("end", False, reason, advice="see the LLM's file and the provider's page of batches")  # fmt: skip
