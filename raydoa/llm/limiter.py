"""How fast an endpoint may be asked, for all who ask it: one `Limiter` for a process, or in an actor for a whole cluster.

Who asks takes leases: leave for some calls of at most so many tokens each, to be used within a second or given back. Three
kinds of buckets, of requests and of tokens each, must all have room:

- *stated*: the spec's `Limits`. In no minute more calls start than it says (of tokens: but for the size of one call);
- *told*: what the headers of the last response say is left, filling up until they say that all is there again;
- *found*: after the endpoint refused calls as too many, half of what was going on, and from there on slowly more.

Tokens are taken at their bound, and what a call did not use comes back.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from raydoa.llm.rate_headers import Left
from raydoa.llm.spec import Limits

_MINUTE = 60.1
"""Seconds; a little more than its clock says."""
LEASE_SECONDS = 1.0
"""For which a lease is good."""
_LONGEST = 30.0
"""Seconds after which to ask again, whatever the wait is thought to be."""
_BURST = 1 / 12
"""Part of a stated minute that may start at once."""
_LOOK_BACK = 5.0
"""Seconds over which what was going on is counted."""
_MORE = 0.05
"""Part of the rate at the time of a refusal by which the rate found grows each second."""
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Lease:
    """Leave for ``granted`` calls; if 0, ask again after ``wait`` seconds."""

    granted: int
    wait: float = 0.0


@dataclass(frozen=True)
class News:
    """What responses said since the last news.

    Attributes:
        refused: calls that were too many (429, 503, 529).
        wait: the longest time that one of these asks to wait.
        requests, tokens: what the last response said is left.
        spare_requests, spare_tokens: of leases, not used.
    """

    refused: int = 0
    wait: float = 0.0
    requests: Left | None = None
    tokens: Left | None = None
    spare_requests: int = 0
    spare_tokens: int = 0


class Limiter:
    """See the module's docstring; ``clock`` tells seconds. Not for several threads at a time."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        now = clock()
        self._stated = {
            "requests": _stated(limits.requests_per_minute, now, whole=True),
            "tokens": _stated(limits.tokens_per_minute, now, whole=False),
        }
        self._told: dict[str, _Bucket | None] = {"requests": None, "tokens": None}
        self._found: _Bucket | None = None
        self._going: deque[tuple[float, int]] = deque()
        self._paused_until = self._cut_at = -math.inf

    def lease(self, requests: int, tokens: int) -> Lease:
        """Leave for up to so many calls of at most ``tokens`` tokens each."""
        now = self._clock()
        if now < self._paused_until:
            return Lease(0, min(_LONGEST, self._paused_until - now))
        sized = [*((bucket, 1) for bucket in self._of("requests")), *((bucket, tokens) for bucket in self._of("tokens"))]  # fmt: skip
        for bucket, _ in sized:
            bucket.fill(now)
        granted = min([requests, *(bucket.room(size) for bucket, size in sized)])
        if granted <= 0:
            wait = max(bucket.wait(size) for bucket, size in sized)
            return Lease(0, min(_LONGEST, max(wait, 0.001)))
        for bucket, size in sized:
            bucket.level -= granted * size
        self._going.append((now, granted))
        return Lease(granted)

    def told(self, news: News) -> None:
        """Hear what responses said."""
        now = self._clock()
        self._give_back(now, news)
        for kind, left in (("requests", news.requests), ("tokens", news.tokens)):
            if left is not None:
                self._told[kind] = _told(left, now)
        if news.refused:
            self._paused_until = max(self._paused_until, now + news.wait)
            self._cut(now)

    def _of(self, kind: str) -> Iterable["_Bucket"]:
        found = self._found if kind == "requests" else None
        return [bucket for bucket in (self._stated[kind], self._told[kind], found) if bucket]

    def _give_back(self, now: float, news: News) -> None:
        spare = {"requests": news.spare_requests, "tokens": news.spare_tokens}
        for kind, amount in spare.items():
            if (bucket := self._stated[kind]) is not None:
                bucket.fill(now)
                bucket.level = min(bucket.capacity, bucket.level + amount)
        if news.spare_requests:
            self._going.append((now, -news.spare_requests))

    def _cut(self, now: float) -> None:
        """Half the rate, once for all the calls that were refused at a time."""
        if now - self._cut_at < 1.0:
            return
        self._cut_at = now
        while self._going and self._going[0][0] < now - _LOOK_BACK:
            self._going.popleft()
        begun = self._going[0][0] if self._going else now
        seconds = min(_LOOK_BACK, max(1.0, now - begun))
        going = max(1, sum(count for _, count in self._going)) / seconds
        rate = going if self._found is None else min(going, self._found.rate)
        # No slower than a call in ten seconds: what is to be found is a rate, not whether the endpoint works.
        half = max(rate / 2, 0.1)
        self._found = _Bucket(rate=half, capacity=max(1.0, half), level=1.0, at=now, growth=_MORE * rate)  # fmt: skip


@dataclass
class _Bucket:
    """Holds up to ``capacity``; filled at ``rate`` a second, which grows by ``growth`` each second."""

    rate: float
    capacity: float
    level: float
    at: float
    growth: float = 0.0

    def fill(self, now: float) -> None:
        passed = now - self.at
        self.at = now
        self.rate += self.growth * passed
        if self.growth:
            self.capacity = max(1.0, self.rate)
        self.level = min(self.capacity, self.level + self.rate * passed)

    def room(self, size: int) -> int:
        """How many of ``size`` may start: one that is larger than the bucket when it is full."""
        if self.level + _ROUNDING < min(size, self.capacity):
            return 0
        return max(1, int((self.level + _ROUNDING) // max(1, size)))

    def wait(self, size: int) -> float:
        missing = min(size, self.capacity) - self.level
        if missing <= _ROUNDING:
            return 0.0
        return missing / self.rate if self.rate > 0 else _LONGEST


def _stated(limit: int | None, now: float, *, whole: bool) -> _Bucket | None:
    if limit is None:
        return None
    capacity = float(max(1, int(limit * _BURST))) if whole else limit * _BURST
    # With whole requests the one that a full bucket begins with is part of the burst.
    rate = (limit - capacity + (1 if whole else 0)) / _MINUTE
    return _Bucket(rate, capacity, capacity, now)


def _told(left: Left, now: float) -> _Bucket:
    limit = max(left.remaining, left.limit if left.limit is not None else left.remaining, 1)
    reset = max(left.reset if left.reset is not None else 1.0, 0.001)
    # At least something comes back, whatever was said: the next response says more.
    rate = max(limit - left.remaining, 1) / reset
    return _Bucket(rate, float(limit), float(left.remaining), now)
