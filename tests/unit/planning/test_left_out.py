"""Data sets that are alike are shown to predict each other; those that are not, and too few of them, are not."""

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from raydoa.costs.plan import Plan
from raydoa.planning import left_out
from raydoa.planning.interval_score import interval_score
from raydoa.planning.left_out import LeftOut, leave_out
from raydoa.planning.other_tasks import OtherTask
from raydoa.search import priors
from raydoa.search.surrogate.posterior import Effort
from tests.unit.search.tasks import QUESTION, law, measured, some_plans


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priors, "_EFFORT", Effort(200, 24, 15))
    monkeypatch.setattr(left_out, "_EFFORT", Effort(100, 16, 10))
    monkeypatch.setattr(left_out, "_DRAWS", 500)


def _shown(count: int, truth: Callable[[Plan, int], float]) -> LeftOut:
    others = [
        OtherTask(
            f"task {at}",
            tuple(measured(some_plans(20, at), at, truth=lambda plan, at=at: truth(plan, at))),
            replace(QUESTION, task=f"task {at}"),
        )
        for at in range(count)
    ]
    with threadpool_limits(1):
        return leave_out(others, priors.learn([(o.measured, o.question) for o in others]))


def test_data_sets_that_are_alike_predict_each_other() -> None:
    shown = _shown(24, lambda plan, at: law(plan))
    assert shown.helps and shown.predicts, shown
    assert fmean(shown.warm) < 0.5 * fmean(shown.cold), "two measurements tell more than all others"


def test_fewer_help_before_they_predict() -> None:
    shown = _shown(6, lambda plan, at: law(plan))
    assert shown.helps and not shown.predicts, shown
    assert "left out one at a time, 6 other data sets are predicted with" in str(shown)


def test_unlike_ones_predict_nothing() -> None:
    """High and low in turn: each has taught something else."""
    shown = _shown(8, lambda plan, at: law(plan) + (-1) ** at * 0.3)
    assert not shown.predicts, shown


def test_few_show_nothing() -> None:
    shown = _shown(3, lambda plan, at: law(plan))
    assert not shown.helps and not shown.predicts
    assert str(shown) == "3 other data sets are too few to show that they predict one (4 at least)"


@pytest.mark.parametrize(
    ("scores", "better"),
    [
        ((0.5, 0.5, 0.5, 0.5), True),
        ((0.79, 0.79, 0.79, 0.79), False),  # Nothing to speak of.
        ((0.1, 0.1, 0.1, 2.5), False),  # Luck would explain it.
        ((0.9, 0.9, 0.9, 0.9), False),
        ((0.5, 0.5, 0.5), False),
    ],
)
def test_only_what_is_clearly_better_counts(scores: tuple[float, ...], better: bool) -> None:
    worse = (0.8,) * len(scores)
    assert LeftOut(len(scores), (0.1,) * len(scores), worse, scores, worse).helps == better
    assert LeftOut(len(scores), scores, worse, (0.1,) * len(scores), worse).predicts == better


def test_the_interval_score_is_that_of_the_paper() -> None:
    low, high = np.array([0.2, 0.2, 0.2]), np.array([0.6, 0.6, 0.6])
    found = interval_score(low, high, np.array([0.3, 0.1, 0.8]))
    np.testing.assert_allclose(found, [0.4, 0.4 + 10 * 0.1, 0.4 + 10 * 0.2])
