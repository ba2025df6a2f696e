"""The gate of one process to an endpoint, as an event loop sees it; leases come from a `Limiter`, here or in an actor.

Leases cover what was started in the last quarter of a second, so that a limiter far away is asked a few times a second.
Beside the rate, which is common to all who ask, each process bounds its own calls in flight: half as many after the endpoint
refused one as too many, and one more for each window of calls that it answered.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from raydoa.llm.limiter import LEASE_SECONDS, Lease, Limiter, News
from raydoa.llm.rate_headers import left, retry_after
from raydoa.llm.refusals import LONGEST_WAIT, SLOW_DOWN

_AHEAD_SECONDS = 0.25


class Leases(Protocol):
    """A limiter, wherever it is."""

    async def lease(self, requests: int, tokens: int) -> Lease:
        """See `Limiter.lease`."""

    async def told(self, news: News) -> None:
        """See `Limiter.told`."""


class OwnLeases:
    """Leases of a limiter in this process."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def lease(self, requests: int, tokens: int) -> Lease:
        """See `Limiter.lease`."""
        return self._limiter.lease(requests, tokens)

    async def told(self, news: News) -> None:
        """See `Limiter.told`."""
        self._limiter.told(news)


class EndpointGate:
    """A `raydoa.llm.ask.Gate`, within one event loop; at most ``in_flight`` calls are let through at a time."""

    def __init__(self, leases: Leases, in_flight: int) -> None:
        self._leases = leases
        self._most = self._window = float(in_flight)
        self._out = 0
        self._from_before_cut = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._stock, self._size, self._good_until = 0, 0, 0.0
        self._started, self._since = 0, 0.0
        self._news = News()
        self._headers: Mapping[str, str] = {}
        self._pump: asyncio.Task[None] | None = None
        self._left = asyncio.Event()

    async def enter(self, tokens: int) -> None:
        """See `Gate.enter`: first come, first served."""
        if not self._waiting and self._passes(tokens):
            return
        passed = asyncio.get_running_loop().create_future()
        self._waiting.append((tokens, passed))
        if self._pump is None:
            self._pump = asyncio.create_task(self._let_in())
            self._pump.add_done_callback(self._pumped)
        try:
            await passed
        except asyncio.CancelledError:
            if passed.done() and not passed.cancelled() and passed.exception() is None:
                self.told({}, 0, tokens)
            raise

    def told(self, headers: Mapping[str, str], status: int, spare: int) -> None:
        """See `Gate.told`."""
        self._out -= 1
        before_cut = self._from_before_cut > 0
        self._from_before_cut -= before_cut
        news = replace(self._news, spare_tokens=self._news.spare_tokens + spare)
        if status in SLOW_DOWN:
            wait = min(retry_after(headers) or 0.0, LONGEST_WAIT)
            news = replace(news, refused=news.refused + 1, wait=max(news.wait, wait))
            if not before_cut:
                self._window = max(1.0, self._window / 2)
                self._from_before_cut = self._out
        elif status == 200:
            self._window = min(self._most, self._window + 1 / self._window)
        self._news = news
        if any(f"x-ratelimit-remaining-{kind}" in headers for kind in ("requests", "tokens")):
            self._headers = headers
        self._left.set()

    def _passes(self, tokens: int) -> bool:
        """Use one of the stock."""
        now = asyncio.get_running_loop().time()
        if self._out >= int(self._window) or not self._stock or tokens > self._size:
            return False
        if now > self._good_until or self._news.refused:
            return False
        self._stock -= 1
        self._out += 1
        self._started += 1
        if self._size > tokens:
            self._news = replace(self._news, spare_tokens=self._news.spare_tokens + self._size - tokens)  # fmt: skip
        return True

    async def _let_in(self) -> None:
        while self._waiting:
            tokens, passed = self._waiting[0]
            if passed.done():
                self._waiting.popleft()
            elif self._out >= int(self._window):
                self._left.clear()
                await self._left.wait()
            elif self._passes(tokens):
                self._waiting.popleft()
                passed.set_result(None)
            else:
                await self._restock()
        self._pump = None

    async def _restock(self) -> None:
        """Hand over the news, and lease for those who wait and as many as were started lately."""
        loop = asyncio.get_running_loop()
        self._drop_stock()
        news, self._news = self._news, News()
        headers, self._headers = self._headers, {}
        if headers:
            news = replace(news, requests=left(headers, "requests"), tokens=left(headers, "tokens"))
        if news != News():
            await self._leases.told(news)
        pace = self._started / max(loop.time() - self._since, _AHEAD_SECONDS)
        self._started, self._since = 0, loop.time()
        waiting = [tokens for tokens, _ in self._waiting]
        room = max(1, int(self._window) - self._out)
        calls = min(int(self._most), max(min(len(waiting), room), int(pace * _AHEAD_SECONDS)))
        size = max(waiting, default=0)
        lease = await self._leases.lease(calls, size)
        if lease.granted:
            self._stock, self._size = lease.granted, size
            self._good_until = loop.time() + LEASE_SECONDS
        else:
            await asyncio.sleep(lease.wait)

    def _drop_stock(self) -> None:
        news, stock = self._news, self._stock
        self._stock = 0
        if stock:
            self._news = replace(
                news,
                spare_requests=news.spare_requests + stock,
                spare_tokens=news.spare_tokens + stock * self._size,
            )

    def _pumped(self, pump: "asyncio.Task[None]") -> None:
        """Whoever waits hears that the limiter is gone."""
        error = None if pump.cancelled() else pump.exception()
        if error is None:
            return
        self._pump = None
        waiting, self._waiting = self._waiting, deque()
        for _, passed in waiting:
            if not passed.done():
                passed.set_exception(error)
