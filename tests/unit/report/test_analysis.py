"""What is computed from a table of cells: the best for a budget, how sure, ties, hypervolumes, shares, bills."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from raydoa.report.best_within_budget import best_of_all, best_within
from raydoa.report.comparisons import computing_shares, pool_sizes, teachers
from raydoa.report.cost_audit import audit, sharing
from raydoa.report.hypervolume import hypervolumes
from raydoa.report.pareto import frontier, frontiers, points
from raydoa.report.seeds import over_seeds
from raydoa.report.standings import standings
from raydoa.report.win_probability import chances
from tests.unit.report.conftest import frame, grid


def plan(
    strategy: str, cost: float, scores: list[float], **more: object
) -> list[dict[str, object]]:
    """The cells of a plan, a seed for each score."""
    taught = {"teacher": "t", "u": 20} if strategy != "annotate" else {}
    common = {"strategy": strategy, "cost_total": cost, "budget": 100.0, **taught, **more}
    return [{**common, "seed": seed, "score": score} for seed, score in enumerate(scores)]


def test_the_interval_is_students() -> None:
    values = np.array([0.5, 0.6, 0.55])
    [said] = over_seeds(values[None]).itertuples()
    low, high = stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values))
    assert (said.mean - said.margin, said.mean + said.margin) == pytest.approx((low, high))
    [one] = over_seeds(np.array([[0.5]])).itertuples()
    assert one.mean == 0.5 and np.isnan(one.margin), "one seed has no interval"


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.05], [-0.1, 0.1, 0.02, 0.3], [0.01, -0.5]])
def test_the_chance_is_the_mass_above_zero(values: list[float]) -> None:
    """As the one-sided test of the same differences has it, seen from the other side."""
    expected = 1 - stats.ttest_1samp(values, 0.0, alternative="greater").pvalue
    assert _chance(values) == pytest.approx(expected)
    gaps = [np.nan, *values, np.nan]
    assert _chance(gaps) == _chance(values), "of the seeds that there are"


def _chance(values: list[float]) -> float:
    return float(over_seeds(np.array([values]))["chance"].iloc[0])


def test_seeds_that_say_nothing_or_all_the_same() -> None:
    assert np.isnan(_chance([0.3]))
    assert _chance([0.3, 0.3]) == 1.0
    assert _chance([-0.3, -0.3]) == 0.0
    assert _chance([0.0, 0.0]) == 0.5


numbers = st.integers(0, 6).map(float)


@given(st.lists(st.tuples(numbers, numbers, st.sampled_from("ab")), min_size=1, max_size=14))
def test_frontiers_of_all_panels_are_those_of_each(triples: list[tuple[float, float, str]]) -> None:
    plans = pd.DataFrame(triples, columns=["cost", "score", "task"]).assign(n=1)
    every = frontiers(plans)
    for _, panel in plans.groupby("task"):
        assert every[panel.index].tolist() == frontier(panel).tolist()


def test_the_best_for_a_budget_may_have_been_made_for_less() -> None:
    cells = frame(
        *plan("annotate", 4.0, [0.5], labels=9), *plan("annotate", 9.0, [0.4], labels=20),
        *plan("distill", 6.0, [0.7]),
    )  # fmt: skip
    best = best_within(cells, [1.0, 5.0, 10.0]).set_index(["budget", "strategy"])
    assert best["cost"].to_dict() == {
        (5.0, "annotate"): 4.0,
        (10.0, "annotate"): 4.0,
        (10.0, "distill"): 6.0,
    }
    assert best["labels"].tolist() == [9, 9, 0] and best["labels"].dtype == "int64"
    assert best_of_all(cells, [10.0])["strategy"].tolist() == ["distill"]
    assert best_within(cells, [4.0])["cost"].tolist() == [4.0], (
        "a budget is a ceiling that may be reached"
    )


def test_best_within_agrees_with_a_look_at_every_plan() -> None:
    cells = grid(tasks=("tiny", "other"))
    plans = points(cells)
    for row in best_within(cells, [0.3, 1.0, 50.0, 100.0]).itertuples():
        same = plans[
            (plans["task"] == row.task)
            & (plans["n"] == row.n)
            & (plans["strategy"] == row.strategy)
        ]
        assert row.score == same[same["cost"] <= row.budget]["score"].max()


def test_a_strategy_does_not_win_by_having_more_plans_to_be_lucky_with() -> None:
    """Twenty plans of pure noise against one: chosen on their own scores they would look better, and are not."""
    noise = np.random.default_rng(1).normal(0.5, 0.05, (20, 3))
    lucky = [plan("distill", 1.0, row.tolist(), u=10 + i) for i, row in enumerate(noise)]
    cells = frame(*plan("annotate", 1.0, [0.5, 0.5, 0.5]), *itertools.chain(*lucky))
    [row] = chances(cells).itertuples()
    naive = noise[noise.mean(axis=1).argmax()] - 0.5
    assert (row.first, row.second, row.seeds) == ("distill", "annotate", 3)
    assert row.difference < naive.mean() / 2
    assert _chance(naive.tolist()) > row.chance


def test_chances_are_of_shared_seeds() -> None:
    cells = frame(
        *plan("annotate", 1.0, [0.5, 0.6, 0.4]), *plan("distill", 2.0, [0.61, 0.72, 0.5, 0.1]),
    )  # fmt: skip
    [row] = chances(cells).itertuples()
    assert (row.seeds, row.difference) == (3, pytest.approx((0.11 + 0.12 + 0.1) / 3))
    assert row.chance > 0.99
    [turned] = chances(cells, [("annotate", "distill")]).itertuples()
    assert (turned.difference, turned.chance) == (-row.difference, pytest.approx(1 - row.chance))
    assert chances(cells, budgets=[1.5]).empty, "distillation cannot be paid"
    one = chances(cells[cells["seed"] == 0])
    assert (
        one["seeds"].tolist() == [1] and one["chance"].isna().all() and one["margin"].isna().all()
    )


def test_tied_and_dominated() -> None:
    cells = frame(
        *plan("distill", 1.0, [0.60, 0.61, 0.59]),
        *plan("annotate", 2.0, [0.30, 0.31, 0.29], labels=1),
        *plan("annotate", 3.0, [0.50, 0.70, 0.55], labels=2),
        *plan("annotate", 4.0, [0.9], labels=3),
        *plan("annotate", 5.0, [0.8], labels=4),
    )  # fmt: skip
    found = standings(cells).set_index("cost")
    assert found["standing"].to_dict() == {
        1.0: "frontier", 2.0: "dominated", 3.0: "tied", 4.0: "frontier", 5.0: "tied",
    }  # fmt: skip
    assert found.loc[2.0, "rival"] == found.loc[1.0, "plan"]
    assert np.isnan(found.loc[5.0, "chance"]), "one seed tells nothing"


def test_the_hypervolume_is_the_mean_score_of_a_random_budget() -> None:
    cells = frame(
        *plan("annotate", 1.0, [0.2, 0.4], labels=1), *plan("annotate", 10.0, [0.8, 0.8], labels=9)
    )
    [found] = hypervolumes(cells).itertuples()
    assert (found.low, found.high, found.seeds) == (1.0, 100.0, 2)
    assert found.hypervolume == pytest.approx((0.3 + 0.8) / 2)
    budgets = np.geomspace(1, 100, 20_001)
    assert found.hypervolume == pytest.approx(np.where(budgets < 10, 0.3, 0.8).mean(), abs=1e-3)
    assert found.margin == pytest.approx(over_seeds(np.array([[0.5, 0.6]]))["margin"].iloc[0])
    [cheap] = hypervolumes(cells, low=0.1, high=1.0).itertuples()
    assert cheap.hypervolume == pytest.approx(0.0, abs=1e-12)


def test_the_hypervolume_where_plans_are_free() -> None:
    free = plan("distill", 0.0, [0.2, 0.4])
    paid = plan("annotate", 10.0, [0.8, 0.8], labels=9)
    [found] = hypervolumes(frame(*free, *paid)).itertuples()
    assert (found.low, found.high) == (10.0, 100.0), "from the cheapest that costs something"
    assert found.hypervolume == pytest.approx(0.8)
    [wide] = hypervolumes(frame(*free, *paid), low=1.0).itertuples()
    assert wide.hypervolume == pytest.approx((0.3 + 0.8) / 2)
    [none] = hypervolumes(frame(*free)).itertuples()
    assert none.hypervolume == pytest.approx(0.3)


def test_the_share_of_no_money_is_not_known() -> None:
    cells = frame(*plan("distill", 0.0, [0.5, 0.5]))
    [found] = computing_shares(cells, [0.0]).itertuples()
    assert np.isnan(found.share) and np.isnan(found.spent)
    [found] = computing_shares(cells, [5.0]).itertuples()
    assert np.isnan(found.share) and found.spent == 0


def test_the_share_of_money_for_computing() -> None:
    cells = frame(
        *plan("annotate", 10.0, [0.5, 0.52], labels=3, cost_labels=9.0, cost_student=1.0),
        *plan("distill", 20.0, [0.5, 0.53], cost_teacher=15.0, cost_pseudo_labels=4.0, cost_student=1.0),
    )  # fmt: skip
    [found] = computing_shares(cells).itertuples()
    assert (found.strategy, found.share, found.share_low, found.share_high) == (
        "distill",
        1.0,
        0.1,
        1.0,
    )
    assert found.spent == 0.2


def test_teachers_and_pools_step_by_step() -> None:
    cells = frame(
        *plan("distill", 1.0, [0.5, 0.6], teacher="small", teacher_score=0.6),
        *plan("distill", 3.0, [0.6, 0.72], teacher="large", teacher_score=0.8),
        *plan("distill", 3.5, [0.1, 0.1], teacher="large", student_steps=0),
        *plan("distill", 4.0, [0.7, 0.8], teacher="large", u=40, teacher_score=0.8),
    )  # fmt: skip
    found = teachers(cells)
    assert found["teacher"].tolist() == ["small", "large", "large"]
    assert found["above"].tolist() == pytest.approx([np.nan, 0.11, np.nan], nan_ok=True)
    pools = pool_sizes(cells).set_index(["teacher", "u"])
    assert pools.loc[("large", 40.0), "above"] == pytest.approx(0.09)
    assert pools["on_frontier"].all()


def test_what_sharing_saved() -> None:
    cells = frame(
        {"cost_total": 4.0, "cost_incurred": 4.0}, {"seed": 1, "cost_total": 4.0, "cost_incurred": 1.0},
        {"strategy": "distill", "teacher": "t", "u": 1, "cost_total": 2.0, "cost_incurred": 1.0},
        {"seed": 2, "feasible": False, "cost_total": 0.0, "cost_incurred": 0.0},
    )  # fmt: skip
    found = sharing(cells).set_index("strategy")
    assert found["ratio"].to_dict() == {
        "annotate": 1.6,
        "distill": 2.0,
        "all": pytest.approx(10 / 6),
    }
    assert found.loc["all", "saved"] == 4.0 and found.loc["all", "cells"] == 3


def test_the_audit_counts_what_is_shared_once() -> None:
    shared = {"strategy": "distill", "teacher": "t", "key_teacher": "a" * 64, "basis_teacher": "estimated",
              "gpu_seconds_teacher": 10.0, "measured_gpu_seconds_teacher": 12.0}  # fmt: skip
    cells = frame(
        {**shared, "u": 1}, {**shared, "u": 2},
        {**shared, "u": 1, "seed": 1, "key_teacher": "b" * 64, "measured_gpu_seconds_teacher": 8.0},
    )  # fmt: skip
    [found] = audit(cells).itertuples()
    assert (found.item, found.model, found.made, found.planned, found.measured) == (
        "teacher",
        "t",
        2,
        20.0,
        20.0,
    )
    assert found.ratio == 1.0 and found.ratio_low == pytest.approx(0.84)


def test_the_audit_says_whose_work_an_item_is() -> None:
    own = {"quantity": 1, "cost": 1.0, "fraction": 0.0, "gpu_seconds": 2.0, "basis": "estimated"}
    taken = {f"{column}_rules": value for column, value in own.items()}
    for item in ("teacher", "pseudo_labels", "student", "rules"):
        taken |= {f"gpu_seconds_{item}": 2.0, f"measured_gpu_seconds_{item}": 2.0}
    models = audit(frame({"strategy": "distill", "teacher": "t", "u": 1, **taken}))
    assert models.set_index("item")["model"].fillna("nobody").to_dict() == {
        "teacher": "t", "pseudo_labels": "t", "student": "s", "rules": "nobody",
    }  # fmt: skip
