"""The table: exact money under a ceiling, the best first, and intervals of what one training gets."""

from dataclasses import replace

import numpy as np
import pytest

from raydoa.costs.question import Supply
from raydoa.errors import UserError
from raydoa.planning.answer import answer
from raydoa.planning.belief import Belief
from raydoa.planning.evidence import Evidence, gather
from raydoa.planning.lines import answer_lines
from raydoa.planning.outlook import Outlook, Table, best_plan, table
from raydoa.planning.purchases import not_offered
from raydoa.planning.scenario import Scenario
from raydoa.search.space import Variant
from tests.unit.planning.conftest import OWNED, WriteSweep, grid, measurement, plan


@pytest.fixture
def belief(scenario: Scenario) -> Belief:
    return Belief(Evidence(), scenario.question)


def _rows(found: Table) -> dict[Variant, Outlook]:
    return {row.variant: row for row in found.rows}


def _distilled(teacher: str) -> Variant:
    return Variant("distill", (("teacher", teacher),))


def test_every_strategy_and_teacher_the_best_first(
    scenario: Scenario, write_sweep: WriteSweep
) -> None:
    known = gather([write_sweep(grid())], scenario.question, scenario.study)
    found = table(scenario.space, Belief(known, scenario.question))
    assert set(_rows(found)) == scenario.space.variants.keys() and len(found.rows) == 5
    scores = [row.score for row in found.rows]
    assert scores == sorted(scores, reverse=True) and found.best == found.rows[0]
    assert sum(row.best_probability or 0 for row in found.rows) == pytest.approx(1)
    assert all(row.low <= row.score <= row.high for row in found.rows)


@pytest.mark.parametrize(("count", "ranks"), [(3, False), (4, True)])
def test_of_few_measurements_no_plan_is_called_the_likeliest(
    scenario: Scenario, count: int, ranks: bool
) -> None:
    """Then P(best) is no better than a uniform guess (benchmarks/plan_claims.py)."""
    few = tuple(measurement(0.4 + 0.02 * at, 50 + 10 * at) for at in range(count))
    again = (*few, *few)  # Repeats of a plan tell of luck.
    answered = answer(scenario, Evidence(again))
    assert answered.expected is not None
    found = answered.expected.table
    assert {row.best_probability is not None for row in found.rows} == {ranks}
    assert (found.first_beats_second is not None) == ranks
    text = "\n".join(answer_lines(answered, lambda settings: ""))
    assert ("P(best): not known; too little has been measured" in text) != ranks
    assert ("too little has been measured to say which is better" in answered.sentence) != ranks


@pytest.mark.parametrize("budget", [0.0036, 0.05, 0.3, 1.0, 17.77, 300.0])
def test_money_is_the_planners_and_the_budget_a_ceiling(
    scenario: Scenario, belief: Belief, budget: float
) -> None:
    scenario = replace(scenario, budget_usd=budget)
    for row in table(scenario.space, belief).rows:
        ledger = row.ledger
        assert ledger.cost_usd <= budget
        assert row.unspent_usd == pytest.approx(budget - ledger.cost_usd, abs=1e-9)
        quantities = {line.item: line.quantity for line in ledger.lines}
        assert quantities == dict(row.plan.quantities)
        assert ledger.cost_micro_usd == scenario.space.cost_micro_usd(row.plan)


def test_no_money_is_left_that_a_label_could_have(large_budget: Scenario, belief: Belief) -> None:
    mixed = [
        row for row in table(large_budget.space, belief).rows if row.variant.strategy == "mixed"
    ]
    assert mixed and all(row.unspent_usd < 2 * large_budget.label_usd for row in mixed)
    for row in mixed:
        labels = row.plan.n + row.plan.quantity("labels")
        assert row.plan.quantity("pseudo_labels") <= large_budget.question.supply.pool(labels)


def test_what_is_unaffordable_is_listed(scenario: Scenario, belief: Belief) -> None:
    scenario = replace(scenario, budget_usd=0.1)
    found = not_offered(scenario.space, _rows(table(scenario.space, belief)))
    out = {none.variant: none.least_usd for none in found}
    assert _distilled("nano-l") in out and _distilled("nano-m") not in out
    assert all(usd is not None and usd > 0.1 for usd in out.values())


def test_what_there_are_no_rows_for_is_listed(scenario: Scenario, belief: Belief) -> None:
    question = replace(scenario.question, supply=Supply(train_rows=OWNED))
    scenario = replace(scenario, question=question, budget_usd=0.2)
    rows = _rows(table(scenario.space, belief))
    assert set(rows) == {Variant("annotate", ())}
    rest = list(not_offered(scenario.space, rows))
    assert len(rest) == 4 and {none.least_usd for none in rest} == {None}
    assert {none.variant.strategy: none.why for none in rest} == {
        "distill": "no rows are left for it",
        "mixed": "infeasible: no label is in hand beside the 100 owned (labels: gold)",
    }


def test_no_plan_is_affordable(scenario: Scenario, belief: Belief) -> None:
    with pytest.raises(UserError, match=r"budget: found \$0.00; the cheapest plan .* costs \$0.00"):
        table(replace(scenario, budget_usd=0.0).space, belief)


def test_the_interval_holds_luck(scenario: Scenario) -> None:
    evidence = Evidence((measurement(0.42), measurement(0.44), measurement(0.43)))
    belief = Belief(evidence, scenario.question)
    asked = plan(100, "", 0, 80)
    expected = np.quantile(belief.expected([asked], 4000), [0.1, 0.9])
    low, high = belief.interval(asked)
    assert low < expected[0] and high > expected[1]


def test_contradictions_widen_the_interval(scenario: Scenario) -> None:
    asked = plan(100, "nano-m", 1000, 192)
    agree = [measurement(s, 100, "nano-m", 1000, 192) for s in (0.54, 0.55, 0.56)]
    apart = [measurement(s, 100, "nano-m", 1000, 192) for s in (0.30, 0.55, 0.80)]
    width = [
        np.ptp(Belief(Evidence(tuple(m)), scenario.question).interval(asked))
        for m in (agree, apart)
    ]
    assert width[1] > 2 * width[0] and width[1] > 0.3


def test_beyond_what_was_measured_nothing_is_sure(
    scenario: Scenario, write_sweep: WriteSweep
) -> None:
    belief = Belief(
        gather([write_sweep(grid())], scenario.question, scenario.study), scenario.question
    )
    inside, outside = plan(100, "nano-l", 3000, 564), plan(100, "nano-l", 12000, 2250)
    assert np.ptp(belief.interval(outside)) > 1.5 * np.ptp(belief.interval(inside))
    # Both pools are stretched as far, so which teacher is better is not less sure for it.
    drawn = belief.expected([outside, plan(100, "nano-m", 12000, 2250)], 4000)
    assert np.corrcoef(drawn.T)[0, 1] > 0.5


def test_measurements_narrow_the_interval_and_are_believed(
    scenario: Scenario, write_sweep: WriteSweep
) -> None:
    before = Belief(Evidence(), scenario.question)
    after = Belief(
        gather([write_sweep(grid())], scenario.question, scenario.study), scenario.question
    )
    asked = plan(100, "nano-l", 3000, 564)
    assert np.ptp(after.interval(asked)) < 0.5 * np.ptp(before.interval(asked))
    assert after.means([asked])[0] == pytest.approx(0.655, abs=0.05)


def test_predictions_are_scores(scenario: Scenario) -> None:
    belief = Belief(
        Evidence(
            (
                measurement(0.99),
                measurement(0.99, 400, steps=260),
                measurement(0.995, 800, steps=520),
            )
        ),
        scenario.question,
    )
    plans = scenario.space.plans()
    means = belief.means(plans)
    assert means.min() >= 0 and means.max() <= 1
    assert all(0 <= low <= high <= 1 for low, high in map(belief.interval, plans[::50]))


def test_the_best_plan_is_that_of_the_table(scenario: Scenario, belief: Belief) -> None:
    assert best_plan(scenario.space, belief).plan == table(scenario.space, belief).best.plan
