"""What the headers of a response say of an endpoint's limits."""

import email.utils
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 86400.0 * 31
"""Longer ones are points in time, or nonsense."""


@dataclass(frozen=True)
class Left:
    """Of one limit: how many are left, out of how many, and the seconds until all of them are there again; None: not said."""

    remaining: int
    limit: int | None
    reset: float | None


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that a response asks to wait: ``retry-after-ms``, or ``Retry-After`` as seconds or as a date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is not None or said is None:
        return seconds
    try:
        date = email.utils.parsedate_to_datetime(said).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, date - (time.time() if now is None else now))


def left(headers: Mapping[str, str], kind: str) -> Left | None:
    """What ``x-ratelimit-*-requests`` or ``-tokens`` say; None: nothing."""
    remaining = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
    if remaining is None:
        return None
    limit = _number(headers.get(f"x-ratelimit-limit-{kind}"))
    reset = duration(headers.get(f"x-ratelimit-reset-{kind}"))
    return Left(int(remaining), None if limit is None else int(limit), reset)


def duration(said: str | None) -> float | None:
    """Seconds of ``1s``, ``6m0s``, ``20ms``, ``1h2m3.5s`` or ``12``; None for anything else."""
    if said is None:
        return None
    said = said.strip()
    seconds = _number(said)
    if seconds is None and re.fullmatch(rf"(?:{_PART.pattern})+", said):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(said))
    return seconds if seconds is not None and seconds <= _LONGEST else None


def _number(said: str | None) -> float | None:
    """A finite number, not below zero; None for anything else."""
    try:
        number = float(said or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
