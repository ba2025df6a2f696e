"""The gate of a process, in simulated time."""

import asyncio
from dataclasses import dataclass, field

import pytest

from raydoa.llm.gate import EndpointGate, OwnLeases
from raydoa.llm.limiter import Lease, Limiter, News
from raydoa.llm.spec import Limits
from tests.llm.virtual_time import run


@dataclass
class Counted:
    """Leases as from afar: each question takes 5 ms."""

    own: OwnLeases
    leases: int = 0
    news: list[News] = field(default_factory=list)

    async def lease(self, requests: int, tokens: int) -> Lease:
        self.leases += 1
        await asyncio.sleep(0.005)
        return await self.own.lease(requests, tokens)

    async def told(self, news: News) -> None:
        self.news.append(news)
        await asyncio.sleep(0.005)
        await self.own.told(news)


def _counted(**limits: int) -> Counted:
    clock = asyncio.get_running_loop().time
    return Counted(OwnLeases(Limiter(Limits.model_validate(limits), clock)))


@dataclass
class Server:
    """Answers after a second; refuses what is too many in flight or in the last second."""

    most_in_flight: int = 10**9
    most_a_second: int = 10**9
    in_flight: int = 0
    starts: list[float] = field(default_factory=list)
    refused: int = 0
    refused_late: int = 0

    async def call(self, seconds: float = 1.0) -> int:
        now = asyncio.get_running_loop().time()
        self.starts.append(now)
        lately = sum(start > now - 1 for start in self.starts[-2000:])
        if self.in_flight >= self.most_in_flight or lately > self.most_a_second:
            self.refused += 1
            return 429
        self.in_flight += 1
        await asyncio.sleep(seconds)
        self.in_flight -= 1
        return 200


async def _calls(gate: EndpointGate, server: Server, count: int, workers: int) -> int:
    """How many times ``count`` calls had to be made until all were answered."""
    left, made = count, 0

    async def work() -> None:
        nonlocal left, made
        while left > 0:
            left -= 1
            status = 429
            while status == 429:
                await gate.enter(10)
                made += 1
                status = await server.call()
                gate.told({}, status, 0)

    await asyncio.gather(*(work() for _ in range(workers)))
    return made


def test_a_limiter_far_away_is_asked_a_few_times_a_second() -> None:
    async def main() -> None:
        leases = _counted()
        gate = EndpointGate(leases, 64)
        made = await _calls(gate, Server(), 6400, 64)
        seconds = asyncio.get_running_loop().time()
        assert made == 6400
        assert seconds < 115
        assert leases.leases < 5 * seconds

    run(main())


def test_the_stated_rate_is_kept_and_used() -> None:
    async def main() -> None:
        gate, server = EndpointGate(_counted(requests_per_minute=600), 64), Server()
        await _calls(gate, server, 1200, 64)
        starts = server.starts
        # A second more than a minute, for a lease may be used so late.
        assert max(sum(s <= t < s + 59 for t in starts) for s in starts) <= 600
        assert starts[-1] < 140

    run(main())


def test_fewer_are_in_flight_where_more_are_refused() -> None:
    async def main() -> None:
        server = Server(most_in_flight=8)
        made = await _calls(EndpointGate(_counted(), 64), server, 2000, 64)
        # With 64 workers and no gate nearly all would be refused.
        assert made < 2000 * 1.5

    run(main())


def test_fewer_start_where_more_are_refused() -> None:
    async def main() -> None:
        server = Server(most_a_second=20)
        made = await _calls(EndpointGate(_counted(), 64), server, 1000, 64)
        assert made < 1000 * 1.5
        assert asyncio.get_running_loop().time() < 3 * 1000 / 20

    run(main())


def test_retry_after_holds_everybody() -> None:
    async def main() -> None:
        gate = EndpointGate(_counted(), 4)
        loop = asyncio.get_running_loop()
        await gate.enter(10)
        gate.told({"retry-after": "12"}, 429, 0)
        await asyncio.gather(*(gate.enter(10) for _ in range(2)))
        assert 12 <= loop.time() < 13

    run(main())


def test_headers_reach_the_limiter() -> None:
    async def main() -> None:
        gate = EndpointGate(_counted(), 64)
        await gate.enter(10)
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-limit-requests": "60", "x-ratelimit-reset-requests": "60s"}  # fmt: skip
        gate.told(headers, 200, 0)
        await asyncio.sleep(2)  # What was leased before has lapsed.
        began = asyncio.get_running_loop().time()
        await gate.enter(10)
        assert asyncio.get_running_loop().time() - began >= 0.9

    run(main())


def test_who_is_cancelled_takes_nothing_along() -> None:
    async def main() -> None:
        gate = EndpointGate(_counted(), 2)
        await gate.enter(1)
        await gate.enter(1)
        waiting = [asyncio.create_task(gate.enter(1)) for _ in range(5)]
        await asyncio.sleep(1)
        gate.told({}, 200, 0)
        waiting[0].cancel()
        await asyncio.sleep(1)
        gate.told({}, 200, 0)
        await asyncio.sleep(1)
        assert [task.done() for task in waiting] == [True, True, True, False, False]
        for task in waiting[1:]:
            await asyncio.sleep(0.1)
            if task.done():
                gate.told({}, 200, 0)
        await asyncio.wait_for(asyncio.gather(*waiting[3:]), 10)

    run(main())


@pytest.mark.parametrize("when", range(8))
def test_cancelling_in_any_moment_leaves_room(when: int) -> None:
    async def main() -> None:
        gate = EndpointGate(_counted(), 1)
        task = asyncio.create_task(gate.enter(1))
        for _ in range(when):
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            gate.told({}, 0, 0)
        await asyncio.wait_for(gate.enter(1), 10)

    run(main())


def test_a_limiter_that_dies_is_heard_of() -> None:
    class Dead:
        async def lease(self, requests: int, tokens: int) -> Lease:
            raise ConnectionError("the actor died")

        async def told(self, news: News) -> None: ...

    async def main() -> None:
        gate = EndpointGate(Dead(), 2)
        found = await asyncio.gather(*(gate.enter(1) for _ in range(3)), return_exceptions=True)
        assert {type(error) for error in found} == {ConnectionError}
        with pytest.raises(ConnectionError):
            await gate.enter(1)

    run(main())
