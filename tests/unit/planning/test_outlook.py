"""The table: exact money under a ceiling, the best first, and intervals of what one training gets."""

from dataclasses import replace

import numpy as np
import pytest

from raydoa.errors import UserError
from raydoa.planning.belief import Belief
from raydoa.planning.case import Case, Face
from raydoa.planning.evidence import Evidence, gather
from raydoa.planning.outlook import Table, best_plan, table
from raydoa.search.costs import Point
from tests.unit.planning.conftest import WriteSweep, grid, told


@pytest.fixture
def belief(case: Case) -> Belief:
    return Belief(Evidence(), case.costs)


def _rows(found: Table) -> dict[Face, object]:
    return {row.face: row for row in found.rows}


def test_every_strategy_and_teacher_the_best_first(case: Case, belief: Belief) -> None:
    found = table(case, belief)
    assert set(_rows(found)) == set(case.faces) and len(found.rows) == 5
    scores = [row.score for row in found.rows]
    assert scores == sorted(scores, reverse=True) and found.best == found.rows[0]
    assert sum(row.best_probability or 0 for row in found.rows) == pytest.approx(1)
    assert all(row.low <= row.score <= row.high for row in found.rows)


@pytest.mark.parametrize("budget", [0.0036, 0.05, 0.3, 1.0, 17.77, 300.0])
def test_money_is_the_planners_and_the_budget_a_ceiling(
    case: Case, belief: Belief, budget: float
) -> None:
    case = replace(case, budget_usd=budget)
    for row in table(case, belief).rows:
        ledger = row.plan.ledger
        assert ledger.cost_usd <= budget
        assert row.unspent_usd == pytest.approx(budget - ledger.cost_usd, abs=1e-9)
        quantities = row.plan.quantities
        assert (case.owned + quantities.labels, quantities.pseudo_labels, quantities.student_steps) == (
            row.point.labels, row.point.u, row.point.student_steps,
        )  # fmt: skip
        assert ledger.cost_usd == pytest.approx(case.costs.items(row.point).total, abs=5e-6)


def test_no_money_is_left_that_a_label_could_have(dear: Case, belief: Belief) -> None:
    mixed = [row for row in table(dear, belief).rows if row.face.strategy == "mixed"]
    assert mixed and all(row.unspent_usd < 2 * dear.label_usd for row in mixed)
    assert all(row.point.labels + row.point.u <= dear.costs.supply.together for row in mixed)


def test_what_the_budget_does_not_reach_is_told(case: Case, belief: Belief) -> None:
    found = table(replace(case, budget_usd=0.1), belief)
    out = {none.face: none.least_usd for none in found.unpayable}
    assert Face("distill", "nano-l") in out and Face("distill", "nano-m") not in out
    assert all(usd is not None and usd > 0.1 for usd in out.values())


def test_no_plan_is_payable(case: Case, belief: Belief) -> None:
    with pytest.raises(UserError, match=r"budget: found \$0.00; the cheapest plan .* costs \$0.00"):
        table(replace(case, budget_usd=0.0), belief)


def test_the_interval_holds_luck(case: Case) -> None:
    evidence = Evidence((told(0.42), told(0.44), told(0.43)))
    belief = Belief(evidence, case.costs)
    point = Point(100, "", 0, 80)
    expected = np.quantile(belief.expected([point], 4000), [0.1, 0.9])
    low, high = belief.interval(point)
    assert low < expected[0] and high > expected[1]


def test_contradictions_widen_the_interval(case: Case) -> None:
    point = Point(100, "nano-m", 1000, 192)
    agree = [told(s, 100, "nano-m", 1000, 192) for s in (0.54, 0.55, 0.56)]
    apart = [told(s, 100, "nano-m", 1000, 192) for s in (0.30, 0.55, 0.80)]
    width = [np.ptp(Belief(Evidence(tuple(m)), case.costs).interval(point)) for m in (agree, apart)]
    assert width[1] > 2 * width[0] and width[1] > 0.3


def test_beyond_what_was_measured_nothing_is_sure(case: Case, write_sweep: WriteSweep) -> None:
    belief = Belief(gather([write_sweep(grid())], case), case.costs)
    inside, outside = Point(100, "nano-l", 3000, 564), Point(100, "nano-l", 12000, 2250)
    assert np.ptp(belief.interval(outside)) > 1.5 * np.ptp(belief.interval(inside))
    # Both pools are stretched as far, so which teacher is better is not less sure for it.
    drawn = belief.expected([outside, Point(100, "nano-m", 12000, 2250)], 4000)
    assert np.corrcoef(drawn.T)[0, 1] > 0.5


def test_measurements_narrow_the_interval_and_are_believed(
    case: Case, write_sweep: WriteSweep
) -> None:
    before = Belief(Evidence(), case.costs)
    after = Belief(gather([write_sweep(grid())], case), case.costs)
    point = Point(100, "nano-l", 3000, 564)
    assert np.ptp(after.interval(point)) < 0.5 * np.ptp(before.interval(point))
    assert after.means([point])[0] == pytest.approx(0.655, abs=0.05)


def test_predictions_are_scores(case: Case) -> None:
    belief = Belief(
        Evidence((told(0.99), told(0.99, 400, steps=260), told(0.995, 800, steps=520))), case.costs
    )
    points = case.space.plans()
    means = belief.means(points)
    assert means.min() >= 0 and means.max() <= 1
    assert all(0 <= low <= high <= 1 for low, high in map(belief.interval, points[::50]))


def test_the_best_plan_is_that_of_the_table(case: Case, belief: Belief) -> None:
    assert best_plan(case, belief).point == table(case, belief).best.point


def test_another_task_makes_the_prior(case: Case, write_sweep: WriteSweep) -> None:
    belief = Belief(gather([write_sweep(grid("tickets"))], case), case.costs)
    assert "tickets in sweep" in belief.prior.source
