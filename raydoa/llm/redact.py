"""A key stays with the connection that sends it: how it is read, and how texts from outside are cleaned of it.

An endpoint, or a proxy before it, may echo what it was sent: a whole key, most of one, or a header. So whatever it wrote
passes `redacted` before it is kept, logged or raised.
"""

import base64
import os
import re
import urllib.parse
from typing import Final, NoReturn

from raydoa.errors import UserError

GONE: Final = "[redacted]"
_SHORTEST = 8
"""Characters of a key in a row that are taken for a part of it."""
_GRAM = 4
"""Any `_SHORTEST` characters hold a piece of this length that begins at a multiple of it."""
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|(?:x-)?api[-_]key|access[-_]token)(\W{1,4})((?:bearer|basic)\s+)?(?:\[redacted\]|[^\s\"',;&}\]])+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+(?:\[redacted\]|[^\s\"',;}\]]{6,})")
_MASKED = re.compile(r"[^\s\"'`(]*\*{3,}[^\s\"'`)]*")
_QUERY = re.compile(r"(https?://[^\s?\"'<>]*)\?[^\s\"'<>]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Secret:
    """A key that shows itself to nobody but by `reveal`: not in a repr, a format or a pickle."""

    __slots__ = ("_forms", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        plain = base64.b64encode(value.encode()).decode().rstrip("=")
        # Basic authentication encodes "user:key", and most users are empty.
        user = base64.b64encode(b":" + value.encode()).decode().rstrip("=")
        quoted = urllib.parse.quote(value, safe="")
        self._forms = tuple(dict.fromkeys((value, quoted, plain, user)))

    def reveal(self) -> str:
        """The key itself, for the one who sends it."""
        return self._value

    def cleaned(self, text: str) -> str:
        """``text`` without the key, or any part of it that could be recognised, plain, quoted or in base64."""
        for form in self._forms:
            text = _without(text, form)
        return text

    def __repr__(self) -> str:
        return "Secret()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled: read it from its environment variable where it is needed")  # fmt: skip


def read_key(llm: str, variable: str | None) -> Secret | None:
    """The key of an LLM, from the environment variable that its spec names; None: it wants none.

    Raises:
        UserError: the variable is not set here, or holds what no header can hold. The value is not repeated.
    """
    if variable is None:
        return None
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UserError(
            f"LLM {llm}: its key is in the environment variable {variable}, which is not set here: export it and run again"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise UserError(
            f"LLM {llm}: the environment variable {variable} holds blanks or characters that no key has: export the key alone"
        )
    return Secret(value)


def redacted(text: str, key: Secret | None) -> str:
    """A line from outside, without the key, headers that carry one, masked keys, or queries of URLs."""
    if key is not None:
        text = key.cleaned(text)
    text = _HEADER.sub(rf"\1\2{GONE}", text)
    text = _BEARER.sub(rf"\1 {GONE}", text)
    text = _MASKED.sub(GONE, text)
    return _QUERY.sub(r"\1", text)


def one_line(text: str, longest: int = 200) -> str:
    """``text`` in one line for people: no control characters, blanks folded, shortened."""
    line = " ".join(_CONTROL.sub(" ", storable(text)).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def storable(text: str) -> str:
    """``text`` as UTF-8 can hold it: JSON may name half a character (a lone surrogate), which no file can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def _without(text: str, secret: str) -> str:
    """``text`` without ``secret`` and its parts of at least `_SHORTEST` characters, whatever their case."""
    folded, wanted = text.lower(), secret.lower()
    if len(folded) != len(text):  # Some letters are longer in lower case.
        folded = text
    least = min(_SHORTEST, len(wanted))
    gram = min(_GRAM, least)
    places: dict[str, list[int]] = {}
    for start in range(len(wanted) - gram + 1):
        places.setdefault(wanted[start : start + gram], []).append(start)
    kept, end, at = [], 0, 0
    while at <= len(folded) - gram:
        for start in places.get(folded[at : at + gram], ()):
            left, right = _common(folded, at, wanted, start, end)
            if right - left >= least:
                kept += [text[end:left], GONE]
                end = at = right
                break
        else:
            at += 1 if least < _SHORTEST else gram
    return "".join([*kept, text[end:]])


def _common(text: str, at: int, secret: str, start: int, floor: int) -> tuple[int, int]:
    """How far ``text`` around ``at``, not before ``floor``, is as ``secret`` around ``start``."""
    left, right, shift = at, at, start - at
    while left > floor and left + shift > 0 and text[left - 1] == secret[left + shift - 1]:
        left -= 1
    while right < len(text) and right + shift < len(secret) and text[right] == secret[right + shift]:  # fmt: skip
        right += 1
    return left, right
