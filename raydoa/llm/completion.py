"""What the body of a chat completion holds, and whether what it says of its tokens can be true.

OpenAI counts cached tokens among those of the prompt, and thinking among those of the completion. Others leave thinking out
of the completion and count it in the total, so what the total has beside the prompt is output.

A count that cannot be true (missing, no whole number, more cached tokens than the prompt has, none for text that was
written) is no count: the call then costs what was reserved for it. One that is merely low cannot be told from a true one
and is believed; one above the reservation is believed too, and `raydoa.llm.ask` says so.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from raydoa.llm.answer import State
from raydoa.llm.redact import storable
from raydoa.llm.tokens import Usage

_MOST_TOKENS = 10**9
"""Of one call; a larger number is none."""


class Unreadable(Exception):
    """A response that is no chat completion; the message says in what."""


@dataclass(frozen=True)
class Completion:
    """A chat completion; ``usage`` is None where it has none that can be true. For the rest see `Answer`."""

    state: State
    text: str
    reason: str
    top: tuple[tuple[str, float], ...]
    usage: Usage | None


def read_completion(content: bytes) -> Completion:
    """Read the body of a response with status 200.

    Raises:
        Unreadable: it is no whole JSON object, or holds no choice.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise Unreadable(f"an answer that is no whole JSON ({len(content):,} bytes)") from None
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise Unreadable("an answer without a choice" + _error_in(body))
    text = storable(_text(message.get("content")))
    state, reason = _state(choice.get("finish_reason"), message.get("refusal"))
    return Completion(state, text, reason, _top(choice.get("logprobs")), _usage(body, text))


def _error_in(body: object) -> str:
    """Some answer 200 with an error in the body."""
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return f": {message}" if isinstance(message, str) else ""


def _text(content: object) -> str:
    """A message's content, which some write in parts."""
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return content if isinstance(content, str) else ""


def _state(finish: object, refusal: object) -> tuple[State, str]:
    if finish == "length":
        return "cut_off", "cut off at the most tokens that an answer may have"
    if finish == "content_filter":
        return "filtered", "stopped by the endpoint's content filter"
    if isinstance(refusal, str) and refusal:
        return "filtered", f"it refused: {refusal}"
    return "answered", ""


def _top(logprobs: Any) -> tuple[tuple[str, float], ...]:
    """The likeliest tokens in place of the first one with content; empty where the endpoint does not tell them."""
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    for token in tokens if isinstance(tokens, list) else ():
        if not isinstance(token, dict) or not str(token.get("token", "")).strip():
            continue
        likeliest = token.get("top_logprobs")
        return tuple(
            (storable(other["token"]), float(other["logprob"]))
            for other in (likeliest if isinstance(likeliest, list) else ())
            if isinstance(other, dict)
            and isinstance(other.get("token"), str)
            and _is_log_probability(other.get("logprob"))
        )
    return ()


def _is_log_probability(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        # Rounding makes some of them a little larger than 0.
        and value <= 1e-3
    )


def _usage(body: dict[str, Any], text: str) -> Usage | None:
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    prompt = _count(usage.get("prompt_tokens"))
    completion = _count(usage.get("completion_tokens"))
    cached = _count((details.get("cached_tokens") if isinstance(details, dict) else None) or 0)
    if prompt is None or completion is None or cached is None:
        return None
    output = max(completion, (_count(usage.get("total_tokens")) or 0) - prompt)
    if not prompt or cached > prompt or (text and not output):
        return None
    return Usage(prompt - cached, cached, output)


def _count(value: object) -> int | None:
    is_one = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if is_one and isinstance(value, int) else None
