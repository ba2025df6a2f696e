"""Break-even prices: against re-pricing, price by price."""

import numpy as np
import pytest

from raydoa.report.best_within_budget import best_of_all
from raydoa.report.break_even import BreakEvenRange, break_even_table, break_evens
from raydoa.report.price_map import NEITHER, price_map
from raydoa.report.reprice import reprice
from tests.unit.report.conftest import frame

_HOUR = 3600.0


def _cell(
    strategy: str, labels: int, steps: int, score: float, budget: float = 10.0
) -> dict[str, object]:
    """A step is a GPU-hour; today a label is $0.50 and a GPU-hour $2."""
    taught = {"teacher": "t", "u": 5} if strategy == "distill" else {}
    return {
        "strategy": strategy, "labels": labels, "student_steps": steps, "score": score, "budget": budget, **taught,
        "pseudo_labels": 0, "gpu_seconds_student": steps * _HOUR, "cost_student": 2.0 * steps,
        "cost_labels": 0.5 * labels, "cost_total": 2.0 * steps + 0.5 * labels, "cost_teacher": 0.0,
        "cost_pseudo_labels": 0.0, "gpu_seconds_teacher": 0.0, "gpu_seconds_pseudo_labels": 0.0,
    }  # fmt: skip


CELLS = frame(
    _cell("annotate", 4, 1, 0.4), _cell("annotate", 10, 1, 0.6), _cell("annotate", 80, 1, 0.9, 100.0),
    _cell("distill", 0, 4, 0.7),
)  # fmt: skip


def test_it_lies_between_what_was_measured() -> None:
    label, gpu = break_evens(CELLS, [10.0])
    # 80 labels and a GPU-hour cost $10 at $0.10 a label; ten labels at $0.80: fewer than 80 may do, or not.
    assert label == BreakEvenRange("tiny", 8, 10.0, "label", 0.5, 0.1, 0.8, "annotate", "distill")
    # Four GPU-hours for $10, or ten labels and one hour for the same; what costs less wins above that.
    assert gpu == BreakEvenRange(
        "tiny", 8, 10.0, "gpu_hour", 2.0, 2.5, np.inf, "distill", "annotate"
    )


@pytest.mark.parametrize("budget", [3.0, 10.0, 42.0, 100.0])
@pytest.mark.parametrize("name", ["label", "gpu_hour"])
def test_it_is_where_repricing_changes_the_winner(budget: float, name: str) -> None:
    def winner(price: float) -> str:
        prices = {"label.tiny" if name == "label" else "gpu.a": price}
        best = best_of_all(reprice(CELLS, prices), [budget])
        return str(best["strategy"].iloc[0]) if len(best) else NEITHER

    [change] = [each for each in break_evens(CELLS, [budget]) if each.name == name]
    if change.lower is None:
        assert {winner(price) for price in np.geomspace(0.001, 1000, 40)} == {change.below}
        return
    assert winner(change.lower * 0.999) == change.below
    assert winner(change.lower * 1.001) == change.above


@pytest.mark.parametrize("budget", [3.0, 10.0, 42.0, 100.0])
@pytest.mark.parametrize(("name", "label"), [("label", "label.tiny"), ("gpu_hour", "gpu.a")])
def test_from_a_price_of_0_it_is_the_lowest_change(budget: float, name: str, label: str) -> None:
    def winner(price: float) -> str:
        best = best_of_all(reprice(CELLS, {label: price}), [budget])
        return str(best["strategy"].iloc[0]) if len(best) else NEITHER

    free = reprice(CELLS, {label: 0.0})
    [change] = [each for each in break_evens(free, [budget]) if each.name == name]
    assert change.now == 0 and change.below == winner(0.0)
    if change.lower is None:
        assert {winner(price) for price in np.geomspace(0.001, 1000, 40)} == {change.below}
        return
    below = np.geomspace(change.lower / 1000, change.lower * 0.999, 20) if change.lower else []
    assert {winner(price) for price in below} <= {change.below}
    assert winner(change.lower * 1.001 or 1e-6) == change.above


def test_what_only_a_price_of_0_buys_is_best_there_alone() -> None:
    cells = frame(_cell("annotate", 20, 1, 0.9), _cell("distill", 0, 4, 0.7))
    free = reprice(cells, {"gpu.a": 0.0})
    [gpu] = [each for each in break_evens(free, [10.0]) if each.name == "gpu_hour"]
    assert (gpu.lower, gpu.below, gpu.above) == (0.0, "annotate", "distill")
    [gpu] = [each for each in break_evens(cells, [10.0]) if each.name == "gpu_hour"]
    assert (gpu.lower, gpu.below) == (2.5, "distill"), "at another price it is no plan"


def test_the_map_is_that_of_repricing() -> None:
    labels, gpus = np.array([0.0, 0.05, 0.5, 5.0]), np.array([0.0, 0.1, 2.0, 2.6, 50.0])
    found = price_map(CELLS, 10.0, labels, gpus)
    for (row, column), strategy in np.ndenumerate(found):
        best = best_of_all(
            reprice(CELLS, {"label.tiny": labels[column], "gpu.a": gpus[row]}), [10.0]
        )
        assert strategy == (best["strategy"].iloc[0] if len(best) else NEITHER)
    assert set(found.ravel()) == {"annotate", "distill", NEITHER}


def test_a_table_has_a_row_for_each() -> None:
    table = break_even_table(CELLS, [10.0, 100.0])
    assert table["name"].tolist() == ["label", "gpu_hour"] * 2
    assert break_even_table(CELLS.assign(score=np.nan)).empty
