"""How often a training saves: the formula against brute force, and workers who decide alike by clocks that do not."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.training.checkpoint_interval import (
    LEAST_SECONDS,
    MOST_SECONDS,
    SECONDS_BETWEEN_LOOKS,
    Rhythm,
    best_interval,
)

_HOUR = 3600.0


def _slowdown(interval: float, save: float, between: float) -> float:
    """Expected seconds per second of useful work when interruptions are a Poisson process (Daly 2006, without restart).

    A stretch of ``interval + save`` is tried until one passes without an interruption.
    """
    return between * math.expm1((interval + save) / between) / interval


@given(
    save=st.floats(min_value=0.01, max_value=1000),
    between=st.floats(min_value=60, max_value=1000 * _HOUR),
)
def test_no_other_interval_loses_noticeably_less(save: float, between: float) -> None:
    best = best_interval(save, between)
    assert 0 < best <= max(between, math.sqrt(2 * save * between))
    if save < between / 2:
        ours = _slowdown(best, save, between)
        others = (
            _slowdown(best * factor, save, between) for factor in (0.25, 0.5, 0.8, 1.25, 2, 4)
        )
        assert ours <= min(others) * 1.001


@given(
    save=st.floats(min_value=0.01, max_value=100),
    between=st.floats(min_value=_HOUR, max_value=1000 * _HOUR),
)
def test_it_is_young_s_where_saving_is_cheap_and_grows_with_cost_and_peace(
    save: float, between: float
) -> None:
    young = math.sqrt(2 * save * between)
    assert best_interval(save, between) == pytest.approx(
        young, rel=math.sqrt(save / between) + 0.01
    )
    assert best_interval(save * 2, between) > best_interval(save, between)
    assert best_interval(save, between * 2) > best_interval(save, between)


def test_a_worked_example() -> None:
    """30 s to save, one interruption in 20 node hours, two nodes: every 24.5 min by Young, 0.24 min sooner by Daly."""
    assert math.sqrt(2 * 30 * 10 * _HOUR) == pytest.approx(1469.7, abs=0.1)
    assert best_interval(30, 10 * _HOUR) == pytest.approx(1449.8, abs=0.1)


class _Workers:
    """Workers in lockstep whose clocks run differently; a step or a save takes each its own time."""

    def __init__(self, speeds: list[float], every: int | None, rate: float) -> None:
        self.now = [100.0 * i for i in range(len(speeds))]
        self._speeds = speeds
        self._said: list[float] = []
        self.rhythms = [
            Rhythm(every, rate, self._agreed, clock=lambda i=i: self.now[i])
            for i in range(len(speeds))
        ]

    def pass_(self, seconds: float) -> None:
        self.now = [
            now + seconds * speed for now, speed in zip(self.now, self._speeds, strict=True)
        ]

    def _agreed(self, number: float) -> float:
        return self._largest if self._largest is not None else number

    _largest: float | None = None

    def together(self, ask: str, *arguments: object, own: list[float]) -> list[object]:
        """Each one asks the same, and hears the largest of all their numbers."""
        self._largest = max(own)
        answers = [getattr(rhythm, ask)(*arguments) for rhythm in self.rhythms]
        self._largest = None
        return answers


@given(
    speeds=st.lists(st.floats(min_value=0.5, max_value=2.0), min_size=1, max_size=4),
    a_step=st.floats(min_value=0.05, max_value=40.0),
    a_save=st.floats(min_value=0.1, max_value=60.0),
    rate=st.floats(min_value=0.01, max_value=20.0),
)
def test_workers_save_at_the_same_steps_and_as_often_as_they_should(
    speeds: list[float], a_step: float, a_save: float, rate: float
) -> None:
    workers = _Workers(speeds, None, rate)
    for rhythm in workers.rhythms:
        rhythm.begin(0)
    since = list(workers.now)
    saves: list[int] = []
    gaps: list[tuple[float, float]] = []
    for step in range(1, 1500):
        workers.pass_(a_step)
        looking = {rhythm.looks(step) for rhythm in workers.rhythms}
        assert len(looking) == 1, "some meet, and some do not"
        if not looking.pop():
            continue
        own = [now - then for now, then in zip(workers.now, since, strict=True)]
        answers = workers.together("due", step, own=own)
        assert len(set(answers)) == 1, "some would save, and some would not"
        if answers[0]:
            gaps.append((max(own), workers.rhythms[0].interval))
            workers.pass_(a_save)
            workers.together("saved", step, a_save, own=[a_save * speed for speed in speeds])
            saves.append(step)
            since = list(workers.now)
    slack = max(SECONDS_BETWEEN_LOOKS, a_step * max(speeds)) * 1.5
    for taken, interval in gaps:
        assert LEAST_SECONDS <= interval <= MOST_SECONDS
        assert abs(taken - interval) <= slack or taken <= a_step * max(speeds) * 1.01
    assert saves == sorted(set(saves))


def test_a_count_of_steps_overrides_the_clock() -> None:
    workers = _Workers([1.0], 4, 0.05)
    [rhythm] = workers.rhythms
    rhythm.begin(6)
    saves = []
    for step in range(7, 30):
        workers.pass_(0.01)
        if rhythm.looks(step) and rhythm.due(step):
            rhythm.saved(step, 0.0)
            saves.append(step)
    assert saves == [8, 12, 16, 20, 24, 28]


def test_notices_are_looked_for_about_once_a_second() -> None:
    workers = _Workers([1.0], None, 0.05)
    [rhythm] = workers.rhythms
    rhythm.begin(0)
    looks = []
    for step in range(1, 1001):
        workers.pass_(0.1)
        if rhythm.looks(step):
            rhythm.due(step)
            looks.append(step)
    assert looks[0] == 1, "the first step says how long one takes"
    assert {later - sooner for sooner, later in pairwise(looks)} == {10}
