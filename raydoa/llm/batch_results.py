"""What the files of a batch's results say of its calls, in any order, once, twice or not at all.

| a call has | kept | asked again | may be billed |
|---|---|---|---|
| an answer, whatever else | the first answer | no | yes |
| a refusal that is the row's (`raydoa.llm.refusals`) | as ``failed`` or ``filtered`` | no | no |
| another error, or none since the batch ended before it | no | yes | as after a call |
| no line | no | yes | unless as many were answered as the endpoint counts |

In the last batch what would be asked again is kept as ``failed``. A line that answers what was not asked is left out, and told.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from raydoa.llm.answer import Answer, State
from raydoa.llm.batch_endpoint import BatchState
from raydoa.llm.batch_notes import Note
from raydoa.llm.client import Connection, Reply, to_json
from raydoa.llm.completion import Completion
from raydoa.llm.refusals import Trouble, understood
from raydoa.llm.segment import Asked, Line
from raydoa.llm.tokens import Usage

_UNREADABLE = "that cannot be read"


@dataclass(frozen=True)
class Results:
    """What a batch brought.

    Attributes:
        lines: of the segment of its journal: answers, and as asked what may be billed without one.
        end: what is wrong for any row, if anything is.
        odd: what is not as it should be, for people.
        whole: whether nothing that the endpoint has answered is missing, or cannot be read.
    """

    lines: tuple[Line, ...] = ()
    end: Trouble | None = None
    odd: tuple[str, ...] = ()
    whole: bool = True


def read_results(
    note: Note, state: BatchState, files: Sequence[bytes], connection: Connection, *, last: bool
) -> Results:
    """Read the content of a batch's ``files``."""
    found: dict[str, Completion | Trouble] = {}
    odd: Counter[str] = Counter()
    for key, outcome in _outcomes(files, connection):
        if key not in note.calls:
            odd["that nobody asked for" if key else _UNREADABLE] += 1
        elif key in found and not (isinstance(outcome, Completion) and isinstance(found[key], Trouble)):  # fmt: skip
            odd["that came twice"] += 1
        else:
            found[key] = outcome
    answered = sum(isinstance(outcome, Completion) for outcome in found.values())
    claimed = len(note.calls) if state.completed is None else state.completed
    lost = answered < claimed
    missing = Trouble("again", lost, f"no result in batch {state.id}, which is {state.status}")
    unread = len(note.calls) - len(found)
    if unread:
        odd[f"are missing{', and may be billed' if lost else ''}"] = unread
    reader = _Reader(note, connection, last)
    lines = [line for key in note.calls for line in reader.lines(key, found.get(key, missing))]
    if reader.above:
        odd["whose tokens are more than was reserved for them: see its bill"] = reader.above
    ends = (one for one in found.values() if isinstance(one, Trouble) and one.then == "end")
    return Results(
        tuple(lines),
        next(ends, None),
        tuple(f"{count:,} results {what}" for what, count in odd.items()),
        whole=not (unread and lost) and _UNREADABLE not in odd,
    )


def _outcomes(
    files: Iterable[bytes], connection: Connection
) -> Iterator[tuple[str, Completion | Trouble]]:
    """Yield the key of each line, which is empty where there is none, with what it says."""
    for content in files:
        for line in filter(bytes.strip, content.split(b"\n")):
            try:
                body = json.loads(line)
            except (ValueError, RecursionError):
                body = None
            key = body.get("custom_id") if isinstance(body, dict) else None
            if isinstance(body, dict) and isinstance(key, str):
                yield key, _outcome(body, connection)
            else:
                yield "", Trouble("again", False, "")


def _outcome(line: dict[str, Any], connection: Connection) -> Completion | Trouble:
    response, error = line.get("response"), line.get("error")
    if isinstance(response, dict) and type(response.get("status_code")) is int:
        body = response.get("body")
        content = to_json(body) if isinstance(body, dict) else str(body).encode(errors="replace")
        return understood(Reply(response["status_code"], {}, content), connection)
    if isinstance(error, dict):
        # Of a call that was not made: the batch expired or was cancelled before it.
        reason = connection.clean(f"{error.get('code') or ''} {error.get('message') or ''}".strip())
        return Trouble("again", False, reason)
    return Trouble("again", True, "a result without an answer")


class _Reader:
    """Turns what came of calls into lines of a journal."""

    def __init__(self, note: Note, connection: Connection, last: bool) -> None:
        self._note, self._connection, self._last = note, connection, last
        self.above = 0

    def lines(self, key: str, outcome: Completion | Trouble) -> Iterator[Line]:
        call, cost = self._note.calls[key], self._note.cost(key)
        if isinstance(outcome, Trouble):
            billed = outcome.billed
            if outcome.then == "end" or (outcome.then == "again" and not self._last):
                if billed:
                    yield Asked(key, cost)
                return
            usage = call.highest if billed else Usage()
            state: State = "filtered" if outcome.then == "filtered" else "failed"
            outcome = Completion(state, "", outcome.reason, (), usage)
        usage = call.highest if outcome.usage is None else outcome.usage
        bill = self._note.rates.micro_usd(usage)
        self.above += bill > cost
        yield Answer(
            key=key,
            row_id=call.row_id,
            state=outcome.state,
            text=self._connection.without_key(outcome.text),
            reason=self._connection.clean(outcome.reason),
            top=outcome.top,
            usage=usage,
            micro_usd=bill,
            asked_at=self._note.at,
        )
