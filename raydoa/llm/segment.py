"""A segment of a journal: lines that one writer adds, each with a checksum, none ever changed.

The first line says who writes; then a line for each call that is about to be sent (``asked``, with the most that it may
cost), for each of those that was not billed, and for each answer. A line is 16 hexadecimal digits of the sha256 of its
JSON, a space, the JSON, and a newline.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args

from raydoa.errors import UserError
from raydoa.llm.answer import Answer, State
from raydoa.llm.tokens import Usage
from raydoa.store.names import shown

SCHEMA = 1

_DIGITS = 16
_STATES = get_args(State)


@dataclass(frozen=True)
class Asked:
    """A call that was about to be sent, and the most that it may have cost."""

    key: str
    micro_usd: int


@dataclass(frozen=True)
class NotBilled:
    """A call of those that were asked under a key was refused, or never sent: so much less may be owed."""

    key: str
    micro_usd: int


Line: TypeAlias = Asked | NotBilled | Answer


@dataclass
class Segment:
    """What one writer has written.

    Attributes:
        asked: calls by key, and the most that all of them may have cost, until their answer.
        answers: by key; what an answer cost covers all calls for it.
        again: answers to what this writer had one for already.
        torn: whether the end of the last line is missing.
    """

    asked: dict[str, int] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    again: list[Answer] = field(default_factory=list)
    torn: bool = False

    @property
    def spent(self) -> int:
        """What all this cost, at most: bills, and calls without an answer at their highest."""
        return sum(self.costs.values())

    @property
    def costs(self) -> dict[str, int]:
        """The same by key."""
        costs = dict(self.asked)
        for answer in (*self.answers.values(), *self.again):
            costs[answer.key] = costs.get(answer.key, 0) + answer.micro_usd
        return costs

    def take(self, line: Line) -> None:
        """Count one more line."""
        if isinstance(line, Asked):
            self.asked[line.key] = self.asked.get(line.key, 0) + line.micro_usd
            return
        if isinstance(line, NotBilled):
            left = self.asked.pop(line.key, 0) - line.micro_usd
            if left < 0:
                raise ValueError("less was asked than is not billed")
            if left:
                self.asked[line.key] = left
            return
        self.asked.pop(line.key, None)
        if line.key in self.answers:
            self.again.append(line)
        else:
            self.answers[line.key] = line


class BadLine(Exception):
    """A line that cannot be what was written: its number, from 1, what is wrong with it, and what lies ``before`` it."""

    def __init__(self, number: int, problem: str, before: Segment) -> None:
        super().__init__(number, problem, before)
        self.number, self.problem, self.before = number, problem, before


def head(writer: str, whom: str) -> bytes:
    """The first line of a segment; no two are alike."""
    nonce = uuid.uuid4().hex[:12]
    return checked_line({"schema": SCHEMA, "writer": writer, "whom": whom, "nonce": nonce})


def to_line(what: Line) -> bytes:
    """One more line."""
    if isinstance(what, Asked):
        return checked_line({"asked": vars(what)})
    if isinstance(what, NotBilled):
        return checked_line({"not_billed": vars(what)})
    return checked_line({"answer": {**vars(what), "usage": vars(what.usage)}})


def checked_line(body: dict[str, Any]) -> bytes:
    """A line with its checksum."""
    text = json.dumps(body, separators=(",", ":")).encode()
    return _checksum(text) + b" " + text + b"\n"


def _checksum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:_DIGITS].encode()


def parse_segment(content: bytes, writer: str, where: str) -> Segment:
    """Read what ``writer`` has written; a last line without its newline is left out. ``where`` is its place, for errors.

    Raises:
        BadLine: a line is damaged, or no line of a segment.
        UserError: a newer raydoa wrote it.
    """
    *lines, rest = content.split(b"\n")
    segment = Segment(torn=bool(rest))
    for number, line in enumerate(lines, 1):
        try:
            body = body_of(line)
            if number == 1:
                _check_head(body, writer, where)
            else:
                segment.take(_parsed(body))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            if isinstance(error, UserError):
                raise
            raise BadLine(number, shown(error), segment) from error
    return segment


def body_of(line: bytes) -> dict[str, Any]:
    """What stands in a `checked_line`. Raises ValueError or TypeError: it is none."""
    text = line[_DIGITS + 1 :]
    if line[: _DIGITS + 1] != _checksum(text) + b" ":
        raise ValueError("does not match its checksum")
    body = json.loads(text)
    if not isinstance(body, dict):
        raise TypeError("no line of a journal")
    return body


def _check_head(body: dict[str, Any], writer: str, where: str) -> None:
    schema = body["schema"]
    if type(schema) is int and schema > SCHEMA:
        raise UserError(
            f"{where}: written with journal schema {schema}, and this raydoa reads up to {SCHEMA}; upgrade raydoa"
        )
    if schema != SCHEMA or body["writer"] != writer:
        raise ValueError(f"begins as another's: {shown(body)}")


def _parsed(body: dict[str, Any]) -> Line:
    if body.keys() == {"asked"}:
        asked = Asked(**body["asked"])
        _check(texts=[asked.key], counts=[asked.micro_usd])
        return asked
    if body.keys() == {"not_billed"}:
        not_billed = NotBilled(**body["not_billed"])
        _check(texts=[not_billed.key], counts=[not_billed.micro_usd])
        return not_billed
    if body.keys() != {"answer"}:
        raise ValueError(f"none of asked, not_billed, answer: {shown(', '.join(body))}")
    told = dict(body["answer"])
    told["usage"] = usage = Usage(**told["usage"])
    told["top"] = tuple((token, float(log_prob)) for token, log_prob in told["top"])
    told["asked_at"] = float(told["asked_at"])
    answer = Answer(**told)
    if answer.state not in _STATES:
        raise ValueError(f"state is {shown(answer.state)}")
    _check(
        texts=[answer.key, answer.row_id, answer.text, answer.reason, *(t for t, _ in answer.top)],
        counts=[answer.micro_usd, usage.input, usage.cached, usage.output],
    )
    return answer


def _check(texts: Iterable[object], counts: Iterable[object]) -> None:
    """Refuse what has a good checksum and cannot be: anybody can compute one."""
    for text in texts:
        if type(text) is not str:
            raise ValueError(f"{shown(text)} is where a text belongs")
    for count in counts:
        if type(count) is not int or count < 0:
            raise ValueError(f"{shown(count)} is where a count belongs")
