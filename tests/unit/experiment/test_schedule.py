"""The order in which plans begin: a seed after the other on few devices, the longest chains first on many."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.plan import Plan
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.forecast import ExpectedStage, ExpectedTrial, Forecast
from raydoa.experiment.schedule import SeedTurns, schedule
from tests.unit.world import World, forecast_of

_ON_CPUS = RuntimeConfig()


def _gpus(count: int, **changes: int) -> RuntimeConfig:
    return RuntimeConfig.model_validate({"gpus_per_worker": 1, "cluster_gpus": count, **changes})


def _forecast(trials: list[tuple[int, int]]) -> Forecast:
    """Of plans of one stage each, given by their seed and its GPU-seconds."""
    plans = {
        Plan("tiny", n, "student", seed, 0, (), ()): (str(n), seconds)
        for n, (seed, seconds) in enumerate(trials)
    }
    return Forecast(
        cells={},
        trials={p: ExpectedTrial((), (key,), {}, 0.0, 0) for p, (key, _) in plans.items()},
        stages={key: ExpectedStage("train", 0.0, float(s)) for key, s in plans.values()},
    )


_TRIALS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12)


@given(trials=_TRIALS, runtime=st.sampled_from([_ON_CPUS, _gpus(1), _gpus(8), _gpus(9)]))
def test_every_plan_comes_once(trials: list[tuple[int, int]], runtime: RuntimeConfig) -> None:
    expected = _forecast(trials)
    assert Counter(schedule(expected, runtime).plans) == Counter(list(expected.trials))


@given(trials=_TRIALS, runtime=st.sampled_from([_ON_CPUS, _gpus(1), _gpus(8)]))
def test_few_devices_take_seeds_as_the_grid_has_them_and_then_long_chains(
    trials: list[tuple[int, int]], runtime: RuntimeConfig
) -> None:
    """What is equal in both stays as it came."""
    expected = _forecast(trials)
    seeds = list(dict.fromkeys(seed for seed, _ in trials))
    wanted = sorted(
        enumerate(trials), key=lambda trial: (seeds.index(trial[1][0]), -trial[1][1], trial[0])
    )
    assert [plan.n for plan in schedule(expected, runtime).plans] == [n for n, _ in wanted]
    assert schedule(expected, runtime).by_seed == (len(seeds) > 1)


@given(trials=_TRIALS)
def test_many_devices_take_the_longest_chains_first(trials: list[tuple[int, int]]) -> None:
    expected = _forecast(trials)
    order = schedule(expected, _gpus(9))
    assert order.plans == expected.longest_first() and not order.by_seed


@pytest.mark.parametrize(
    ("runtime", "devices"),
    [
        (_ON_CPUS, 6),
        (RuntimeConfig(concurrent_trials=2), 2),
        (_gpus(1), 1),
        (_gpus(2, students_per_gpu=4), 8),
        (_gpus(8, concurrent_trials=3), 8),
        (_gpus(64), math.inf),
    ],
)
def test_the_next_seed_begins_when_a_device_may_be_idle(
    runtime: RuntimeConfig, devices: float
) -> None:
    assert schedule(_forecast([]), runtime).devices == devices


def test_a_seed_waits_while_others_keep_the_devices_at_work() -> None:
    turns = SeedTurns(2)
    for _ in range(3):
        assert turns.may_begin(7)
        turns.begins(7)
    assert not turns.may_begin(5) and turns.may_begin(7)
    turns.ends(7)
    assert not turns.may_begin(5), "two are going, and there are two devices"
    turns.ends(7)
    assert turns.may_begin(5)
    turns.begins(5)
    turns.ends(7)
    assert turns.may_begin(5) and turns.may_begin(7)


def test_those_that_begin_together_are_of_the_seeds_whose_turn_it_is() -> None:
    """Three plans of the first seed and two of the second."""
    expected = _forecast([(0, 1), (0, 1), (0, 1), (1, 1), (1, 1)])
    for runtime, at_once, together in (
        (_gpus(1), 64, 3),
        (_gpus(4), 64, 5),
        (_gpus(1), 2, 2),
        (_gpus(9), 64, 5),
    ):
        order = schedule(expected, runtime)
        assert order.begin_together(order.plans, at_once) == together
    order = schedule(expected, _gpus(1))
    assert order.begin_together(order.plans[2:], 64) == 1
    assert order.begin_together([], 64) == 0


def test_a_real_grid_is_ordered_by_its_seeds(world: World) -> None:
    expected = forecast_of(world.resolved(world.sweep(seeds=(2, 0))))
    order = schedule(expected, _ON_CPUS)
    seeds = [plan.seed for plan in order.plans]
    assert order.seeds == [2, 0] and seeds == sorted(seeds, reverse=True)
    assert order.plans[0].choice("teacher") == "nano-m"
    one = schedule(forecast_of(world.resolved(world.sweep())), _ON_CPUS)
    assert not one.by_seed
