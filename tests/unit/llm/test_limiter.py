"""The limiter, on a simulated clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raydoa.llm.limiter import Limiter, News
from raydoa.llm.rate_headers import Left
from raydoa.llm.spec import Limits


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def _limiter(requests: int | None = None, tokens: int | None = None) -> tuple[Limiter, Clock]:
    clock = Clock()
    return Limiter(Limits(requests_per_minute=requests, tokens_per_minute=tokens), clock), clock


def _started(limiter: Limiter, clock: Clock, seconds: float, asked: int, tokens: int) -> Iterator[tuple[float, int]]:  # fmt: skip
    """When how many calls started, by one who asks for as many as possible."""
    until = clock.now + seconds
    while clock.now < until:
        lease = limiter.lease(asked, tokens)
        if lease.granted:
            yield clock.now, lease.granted
        else:
            assert lease.wait > 0
            clock.now += lease.wait


def _most_in_a_minute(started: list[tuple[float, int]]) -> int:
    """Whatever second the minute begins at."""
    most = within = first = 0
    for at, count in started:
        within += count
        while started[first][0] <= at - 60:
            within -= started[first][1]
            first += 1
        most = max(most, within)
    return most


def test_without_limits_all_start_at_once() -> None:
    limiter, _ = _limiter()
    assert limiter.lease(1000, 10**9).granted == 1000


@settings(max_examples=30)
@given(st.integers(1, 2000), st.integers(1, 64))
def test_no_minute_has_more_calls_than_it_may_and_none_is_wasted(limit: int, asked: int) -> None:
    limiter, clock = _limiter(requests=limit)
    started = list(_started(limiter, clock, 300, asked, 10))
    assert _most_in_a_minute(started) <= limit
    assert sum(count for _, count in started) >= 5 * limit * (1 - 1 / 11) - 1


@settings(max_examples=30)
@given(st.integers(100, 20_000), st.integers(1, 64), st.integers(1, 300))
def test_no_minute_has_more_tokens_than_it_may(limit: int, asked: int, size: int) -> None:
    limiter, clock = _limiter(tokens=limit)
    started = [(at, count * size) for at, count in _started(limiter, clock, 130, asked, size)]
    assert _most_in_a_minute(started) <= limit + size


def test_a_call_that_is_larger_than_a_minute_starts_when_all_is_there() -> None:
    limiter, clock = _limiter(tokens=1200)
    assert limiter.lease(1, 5000).granted == 1
    lease = limiter.lease(1, 5000)
    assert lease.granted == 0
    assert len(list(_started(limiter, clock, 1000, 1, 5000))) == 3


def test_tokens_that_were_not_used_come_back() -> None:
    limiter, clock = _limiter(tokens=1200)
    assert limiter.lease(5, 100).granted == 1
    assert limiter.lease(5, 100).granted == 0
    limiter.told(News(spare_tokens=90))
    clock.now = 0.6
    assert limiter.lease(5, 10).granted >= 1


def test_a_lease_that_was_not_used_comes_back() -> None:
    limiter, _ = _limiter(requests=120)
    assert limiter.lease(64, 1).granted == 10
    limiter.told(News(spare_requests=4))
    assert limiter.lease(64, 1).granted == 4


def test_all_wait_as_long_as_a_response_asks() -> None:
    limiter, clock = _limiter()
    limiter.told(News(refused=1, wait=20.0))
    assert limiter.lease(1, 1).wait == pytest.approx(20)
    limiter.told(News(refused=1, wait=5.0))
    clock.now = 19.9
    assert limiter.lease(1, 1).granted == 0
    clock.now = 20.1
    assert limiter.lease(1, 1).granted == 1


def test_after_refusals_half_as_many_start_and_then_slowly_more() -> None:
    limiter, clock = _limiter()
    for _ in range(50):
        limiter.lease(2, 1)
        clock.now += 0.1
    limiter.told(News(refused=1))
    limiter.told(News(refused=30))  # The same moment: one cut.
    assert sum(count for _, count in _started(limiter, clock, 1, 64, 1)) == pytest.approx(10, abs=3)
    clock.now += 20
    later = sum(count for _, count in _started(limiter, clock, 1, 64, 1))
    assert later >= 30


def test_refusals_without_end_do_not_stop_it() -> None:
    limiter, clock = _limiter()
    for _ in range(100):
        limiter.lease(1, 1)
        limiter.told(News(refused=1))
        clock.now += 2
    list(_started(limiter, clock, 21, 1, 1))
    assert sum(count for _, count in _started(limiter, clock, 60, 1, 1)) >= 6


def test_what_headers_say_is_followed() -> None:
    limiter, clock = _limiter()
    limiter.told(News(requests=Left(remaining=3, limit=60, reset=57.0)))
    assert limiter.lease(64, 1).granted == 3
    lease = limiter.lease(64, 1)
    assert (lease.granted, lease.wait) == (0, pytest.approx(1.0))
    clock.now = 10
    assert limiter.lease(64, 1).granted == 10
    limiter.told(News(tokens=Left(remaining=0, limit=6000, reset=60.0)))
    assert limiter.lease(1, 100).wait == pytest.approx(1.0)


def test_headers_without_a_limit_or_a_time_hold_nobody_for_ever() -> None:
    limiter, clock = _limiter()
    limiter.told(News(requests=Left(0, None, None), tokens=Left(0, None, None)))
    assert limiter.lease(1, 50).granted == 0
    clock.now = 30
    assert limiter.lease(1, 50).granted == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["lease", "told"]),
            st.integers(0, 100),
            st.integers(0, 10**6),
            st.floats(0, 100),
        ),
        max_size=60,
    ),
    st.one_of(st.none(), st.integers(1, 1000)),
)
def test_it_always_lets_somebody_in_in_the_end(
    steps: list[tuple[str, int, int, float]], limit: int | None
) -> None:
    limiter, clock = _limiter(requests=limit, tokens=limit)
    for what, few, many, seconds in steps:
        clock.now += seconds
        if what == "lease":
            # A call of up to what a thousand minutes may have: it holds the next one for as long.
            limiter.lease(max(1, few), max(1, many % (1000 * (limit or 1000))))
        else:
            limiter.told(News(refused=few % 3, wait=seconds, requests=Left(few, many, seconds), tokens=Left(few, None, None)))  # fmt: skip
    for _ in range(100_000):
        lease = limiter.lease(1, 10)
        if lease.granted:
            return
        assert 0 < lease.wait <= 30
        clock.now += lease.wait
    raise AssertionError("nobody is let in")


@pytest.mark.parametrize("limit", [1, 2, 11, 1000])
def test_however_few_tokens_a_minute_may_have_calls_start(limit: int) -> None:
    limiter, clock = _limiter(tokens=limit)
    started = [at for at, _ in _started(limiter, clock, 1200, 5, 2 * limit)]
    apart = [later - sooner for sooner, later in pairwise(started)]
    assert len(started) == 10 and all(seconds > 120 for seconds in apart[1:])
