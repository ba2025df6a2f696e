"""What an LLM is asked about one row, and what came of it."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from raydoa.llm.tokens import Usage

Message: TypeAlias = dict[str, str]
"""``{"role": ..., "content": ...}``"""


@dataclass(frozen=True)
class Request:
    """One call.

    Attributes:
        key: sha256 (hexadecimal) of everything that decides the answer; votes of a row have keys of their own.
        row_id: the row's, for people.
        body: of a chat completion, as the endpoint takes it: model, messages, limits, answer format.
        highest: the most tokens that it can take: a bound of the prompt's, none of them cached, and of the answer's.
    """

    key: str
    row_id: str
    body: dict[str, Any]
    highest: Usage


State: TypeAlias = Literal["answered", "cut_off", "filtered", "failed"]
"""``cut_off``: the answer reached its limit. ``filtered``: the endpoint's content filter. ``failed``: an error that stayed."""


@dataclass(frozen=True)
class Answer:
    """What came of a `Request`, as it is kept: with what it cost, whatever came of it.

    Attributes:
        key, row_id: those of the request.
        state: see `State`.
        text: what it wrote.
        reason: of one that is not ``answered``: a line for people, without a key or a URL's query.
        top: of the first token with content: the likeliest tokens and their log-probabilities, where the endpoint tells them.
        usage: tokens as the endpoint counted them; without a count that can be true, the request's ``highest``. Calls before it
            that were sent and not answered are in it, each as the ``highest``.
        micro_usd: what it cost at the prices of that day, with those calls; a call of unknown usage costs what was reserved.
        asked_at: unix seconds.
    """

    key: str
    row_id: str
    state: State
    text: str
    reason: str
    top: tuple[tuple[str, float], ...]
    usage: Usage
    micro_usd: int
    asked_at: float
