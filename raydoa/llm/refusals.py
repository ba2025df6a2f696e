"""What it means that a call brought no answer: ask again, give the row up, or end everything.

| came back | again | may be billed |
|---|---|---|
| no connection | yes; if it stays so, nothing can be reached and all ends | no |
| a connection that broke, no whole answer in time, an answer that is not whole | yes | yes |
| 408, 409, 425, 429, 500, 503, 529 and other 5xx: refused | yes | no |
| 502, 504, 522, 524: a gateway that gave up on a model that may have answered | yes | yes |
| 429 for a quota that is used up, 401, 402, 403, 404, 405, redirects, a web page: the same for any row | all ends | no |
| 400 or 422 that names a parameter: the same for any row | all ends | no |
| 400 or 403 of a content filter, 413, other 400 and 422: the row's | no | no |

Where every row is refused and none answered, `raydoa.llm.ask` ends all too.
"""

import json
import random
from dataclasses import dataclass
from typing import Any, Literal

from raydoa.llm.client import Broken, Connection, Reply
from raydoa.llm.completion import Completion, Unreadable, read_completion
from raydoa.llm.rate_headers import retry_after

LONGEST_WAIT = 600.0
"""Seconds; an endpoint that asks for more is not waited for."""

_LONGEST_BACKOFF = 60.0
_AGAIN = {408, 409, 425, 429}
_GATEWAY = {502, 504, 522, 524}
SLOW_DOWN = {429, 503, 529}
"""An endpoint that is asked too much."""
_USED_UP = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_PARAMETER_CODES = (
    "unsupported_parameter",
    "unsupported_value",
    "unknown_parameter",
    "model_not_found",
)
_PARAMETER_WORDS = (
    "unsupported parameter",
    "unsupported value",
    "unrecognized request argument",
    "unknown parameter",
    "extra_forbidden",
    "extra inputs are not permitted",
    "grammar",
    "response_format",
    "logprobs",
)
_FILTER_WORDS = ("content_filter", "content filter", "content_policy", "moderation", "flagged")


@dataclass(frozen=True)
class Trouble:
    """A call without an answer.

    Attributes:
        then: what to do about it: ask ``again``, give up the ``row``, take it as ``filtered``, or ``end`` everything.
        billed: whether the endpoint may bill it all the same.
        reason: a line without a key.
        reached: whether the endpoint was reached at all.
        wait: seconds that the endpoint asks to wait; None: it does not say.
        advice: of an ``end``: what to do next.
    """

    then: Literal["again", "row", "filtered", "end"]
    billed: bool
    reason: str
    reached: bool = True
    wait: float | None = None
    advice: str = ""


def understood(came: Reply | Broken, connection: Connection) -> Completion | Trouble:
    """What a call brought."""
    if isinstance(came, Broken):
        return Trouble("again", came.sent, came.reason, reached=came.sent)
    if came.status != 200:
        return refusal(came, connection)
    if came.content.lstrip()[:1] == b"<":
        return Trouble(
            "end", False, "it answers with a web page", advice="see whether base_url is complete: most end in /v1"
        )  # fmt: skip
    try:
        return read_completion(came.content)
    except Unreadable as error:
        return Trouble("again", True, connection.clean(str(error)))


def end_line(trouble: Trouble, connection: Connection) -> str:
    """The one line with which everything ends: which LLM, where, what it said, what to do next."""
    spec = connection.spec
    asked = f"LLM {spec.name} (model {spec.model} at {connection.where})"
    return f"{asked}: {trouble.reason}: {trouble.advice}; answers that were paid for are kept"


def refusal(reply: Reply, connection: Connection) -> Trouble:
    """What a response that is no success says."""
    status = reply.status
    message, code, parameter = _error(reply.content)
    reason = connection.clean(f"{status} {message}".rstrip())
    words = f"{code} {message}".lower()
    wait = retry_after(reply.headers)

    if status in {400, 403, 422} and any(word in words for word in _FILTER_WORDS):
        return Trouble("filtered", False, reason)
    advice = _advice(status, words, wait, connection)
    if not advice and status in {400, 422} and _names_a_parameter(words, code, parameter):
        advice = "it does not take these parameters: change answers, top_logprobs or extra_body of the LLM's file"
    if advice:
        return Trouble("end", False, reason, advice=advice)
    if status in _AGAIN or status >= 500:
        return Trouble("again", status in _GATEWAY, reason, wait=wait)
    return Trouble("row", False, reason)


def pause(attempt: int, wait: float | None) -> float:
    """Seconds before a retry: what the endpoint asks for and a little more, else exponential with full jitter."""
    if wait is not None:
        return wait + random.uniform(0, min(1.0, wait / 4))
    return random.uniform(0, min(_LONGEST_BACKOFF, 2.0 ** (attempt - 1)))


def _names_a_parameter(words: str, code: str, parameter: str) -> bool:
    """Whether a 400 is about what is the same in each request, rather than about the messages."""
    if parameter and not parameter.startswith(("messages", "prompt", "input")):
        return True
    return code in _PARAMETER_CODES or any(word in words for word in _PARAMETER_WORDS)


def _advice(status: int, words: str, wait: float | None, connection: Connection) -> str:
    """What to do where any row would be refused so; empty where it is not so."""
    variable = connection.spec.api_key_variable
    advice = ""
    if status == 402 or (status == 429 and any(word in words for word in _USED_UP)):
        advice = "its account has no credit: see the provider's billing page, and run again"
    elif wait is not None and wait > LONGEST_WAIT:
        advice = f"it asks to wait {wait / 60:,.0f} minutes: run again then"
    elif status in {401, 403} and variable is None:
        advice = "it wants a key: name the environment variable that holds it as api_key_variable"
    elif status in {401, 403}:
        advice = f"it does not take the key in {variable} for this model: export one that it takes"
    elif status in {404, 405}:
        advice = "see whether model and base_url are right: most URLs end in /v1"
    elif status < 400:
        advice = "it sends requests elsewhere: give the URL itself as base_url"
    return advice


def _error(content: bytes) -> tuple[str, str, str]:
    """Message, code and parameter of an error's body, in the forms that there are."""
    try:
        body: Any = json.loads(content)
    except (ValueError, RecursionError):
        return content[:2000].decode(errors="replace"), "", ""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error)[:2000], "", ""
    message = error.get("message", error.get("detail", ""))
    code = error.get("code") or error.get("type")
    return (
        (message if isinstance(message, str) else json.dumps(message))[:2000],
        str(code or ""),
        str(error.get("param") or ""),
    )
