"""Labels of people can be bought as far as the pool goes; of gold, no more than are in hand, and that is said."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from raydoa.costs.items.item import gold_rows, pool_rows
from raydoa.costs.plan import Plan
from raydoa.costs.question import Supply
from raydoa.planning.answer import answer
from raydoa.planning.belief import Belief
from raydoa.planning.break_even import advantage, break_even_prices
from raydoa.planning.evidence import Evidence
from raydoa.planning.outlook import table
from raydoa.planning.purchases import not_offered, purchases
from raydoa.planning.scenario import Scenario
from raydoa.planning.what_if import PriceChange, at_prices
from raydoa.search.space import Variant
from raydoa.search.surrogate.inputs import Array
from tests.unit.planning.conftest import measurement

CLAIMS_USD = 0.129


class Tabulated(Belief):
    """A belief that is a table: the score of a plan is known."""

    def __init__(self, scenario: Scenario, score: Callable[[Plan], float]) -> None:
        super().__init__(
            Evidence((measurement(0.5), measurement(0.5, 100, "nano-m", 1000, 192))),
            scenario.question,
        )
        self._score = score

    def means(self, plans: Sequence[Plan]) -> Array:
        return np.array([self._score(plan) for plan in plans])


@pytest.fixture
def claims(scenario: Scenario) -> Scenario:
    """300 labelled claims, 3,000 without labels, $50, and $0.129 a label of people."""
    question = replace(scenario.question, n=300, supply=Supply(300, 3000, sale="pool"))
    asked = replace(scenario, question=question, budget_usd=50.0)
    priced = asked.with_label_price(CLAIMS_USD, "a quote")
    return replace(priced, question=replace(question, prices=priced.question.prices))


def _of(scenario: Scenario, sale: str) -> Scenario:
    supply = replace(scenario.question.supply, sale=sale)
    return replace(scenario, question=replace(scenario.question, supply=supply))


def test_people_label_what_the_budget_pays_for(claims: Scenario) -> None:
    bought = {row.variant: row for row in purchases(claims.space)}
    annotated = bought[Variant("annotate", ())]
    labels = annotated.plan.quantity("labels")
    step = claims.question.tariff("student", ()).unit_price_usd
    epochs, batch = (claims.question.recipes.student_on_labels.epochs, 32)

    def cost(count: int) -> float:
        return CLAIMS_USD * count + step * epochs * -(-(300 + count) // batch)

    assert labels == 387 and cost(387) <= 50 < cost(388)
    assert annotated.ledger.cost_usd == pytest.approx(cost(387), abs=2e-6)
    assert annotated.unspent_usd == pytest.approx(50 - cost(387), abs=2e-6)
    mixed = [row for variant, row in bought.items() if variant.strategy == "mixed"]
    assert len(mixed) == 2 and not list(not_offered(claims.space, bought))
    for row in mixed:
        assert row.plan.quantity("labels") > 300 and row.unspent_usd < 0.3
        assert gold_rows(row.plan) - 300 + pool_rows(row.plan) <= 3000, "no row is both"


def test_gold_is_what_is_in_hand(claims: Scenario) -> None:
    gold = _of(claims, "in_hand")
    found = table(gold.space, Belief(Evidence((measurement(0.5),)), gold.question))
    assert {row.variant.strategy for row in found.rows} == {"distill"}
    rest = {
        none.variant.strategy: none.why
        for none in not_offered(gold.space, {r.variant for r in found.rows})
    }
    assert rest == {
        "annotate": "infeasible: B pays for 387 labels, and none are in hand beside the 300 owned (labels: gold); "
        "with those it costs $0.0090",
        "mixed": "infeasible: no label is in hand beside the 300 owned (labels: gold)",
    }
    answered = answer(gold, Evidence((measurement(0.5),)))
    assert answered.expected is not None and answered.expected.break_evens == ()
    assert [row.variant.strategy for row in answered.purchases] == ["distill", "distill"]
    assert any("no break-even price is looked for" in note for note in answered.notes)


def test_of_gold_a_mixture_within_what_is_in_hand(claims: Scenario) -> None:
    """Natural Questions: 1,687 rows, 1,000 of them owned, no pool of its own."""
    question = replace(claims.question, n=1000, supply=Supply(1687))
    questions = replace(claims, question=question, budget_usd=500.0)
    answered = answer(questions, Evidence())
    plans = {row.variant.strategy: row for row in answered.purchases}
    assert plans.keys() == {"distill", "mixed"}
    mixed = plans["mixed"].plan
    # Of the 687 rows, about half are bought and half labelled by the teacher: the most of both.
    assert mixed.quantity("labels") + pool_rows(mixed) <= 687
    assert min(mixed.quantity("labels"), pool_rows(mixed)) > 250
    why = next(none.why for none in answered.not_offered if none.variant.strategy == "annotate")
    paid_for = int(why.split("pays for ")[1].split(" ")[0].replace(",", ""))
    assert 3800 < paid_for < 500 / CLAIMS_USD
    assert "687 are in hand beside the 1,000 owned (labels: gold); with those it costs $88." in why


def _annotating_reaches(teacher: float) -> Callable[[Plan], float]:
    """A table: labels alone reach 0.4 + total / 2,500, any teacher ``teacher``."""

    def score(plan: Plan) -> float:
        return teacher if plan.choices else 0.4 + gold_rows(plan) / 2500

    return score


@pytest.mark.parametrize("total", [500, 800, 2000, 3200])
def test_break_even_prices_on_a_table(claims: Scenario, total: int) -> None:
    """Where the labels that B pays for reach the teacher: the total is known, and so is the price at which B buys it."""
    belief = Tabulated(claims, _annotating_reaches(0.4 + (total + 0.5) / 2500))
    label, _ = break_even_prices(claims, belief)
    epochs = claims.question.recipes.student_on_labels.epochs
    training = claims.question.tariff("student", ()).unit_price_usd * epochs * -(-total // 32)
    assert label.price == pytest.approx((50.0 - training) / (total + 1 - 300), rel=0.01)
    assert (label.below, label.above) == ("annotate", "distill")


def test_no_number_of_labels_reaches_the_teacher(claims: Scenario) -> None:
    """The pool ends: at any price labels alone stay behind."""
    belief = Tabulated(claims, _annotating_reaches(0.4 + 3301 / 2500))
    label, gpu_hour = break_even_prices(claims, belief)
    assert (label.price, label.below, label.above) == (None, "distill", "distill")
    assert gpu_hour.price is not None and gpu_hour.below == "distill", "until no teacher is paid"


def test_gpu_hours_break_even_where_the_teacher_is_no_longer_paid(claims: Scenario) -> None:
    belief = Tabulated(claims, _annotating_reaches(0.9))
    _, gpu_hour = break_even_prices(claims, belief)
    assert gpu_hour.price is not None
    question = claims.with_gpu_price(gpu_hour.price, "a test").question
    least = min(
        question.cost_micro_usd(plan)
        for variant, plan in claims.space.variants.items()
        if variant.strategy == "distill"
    )
    assert least / 1e6 == pytest.approx(50.0, rel=0.01)


def test_where_labels_are_not_in_hand_no_advantage_is_known(claims: Scenario) -> None:
    gold = _of(claims, "in_hand")
    belief = Tabulated(gold, _annotating_reaches(0.6))
    assert advantage(gold, belief) is None
    assert advantage(gold.with_label_price(60.0, "a test"), belief) is not None


def test_what_is_free_is_bought_to_the_last_row(claims: Scenario) -> None:
    free = replace(claims, budget_usd=0.0).with_label_price(0.0, "ours").with_gpu_price(0.0, "ours")
    bought = {row.variant: row for row in purchases(free.space)}
    assert bought[Variant("annotate", ())].plan.quantity("labels") == 3000
    mixed = next(row.plan for variant, row in bought.items() if variant.strategy == "mixed")
    assert min(mixed.quantity("labels"), pool_rows(mixed)) > 1000


def test_free_labels_without_end_are_paid_for_in_training(claims: Scenario) -> None:
    question = replace(claims.question, supply=Supply(pool_limit=5000))
    free = replace(claims, question=question, budget_usd=5.0).with_label_price(0.0, "ours")
    bought = {row.variant.strategy: row for row in purchases(free.space)}
    assert bought.keys() == {"annotate", "distill", "mixed"}
    assert bought["mixed"].plan.quantity("labels") > 0
    assert not list(not_offered(free.space, {row.variant for row in purchases(free.space)}))


def test_a_pool_of_less_than_a_shard_can_be_shared(claims: Scenario) -> None:
    small = replace(claims, question=replace(claims.question, supply=Supply(300, 90, sale="pool")))
    mixed = [row.plan for row in purchases(small.space) if row.variant.strategy == "mixed"]
    assert len(mixed) == 2
    for plan in mixed:
        assert plan.quantity("labels") > 0 and plan.quantity("labels") + pool_rows(plan) <= 90


def test_at_other_prices_it_is_said_what_is_not_offered(claims: Scenario) -> None:
    gold = replace(_of(claims, "in_hand"), budget_usd=1.0)
    question = replace(gold.question, n=200)
    (at,) = at_prices(replace(gold, question=question), [PriceChange("label", 0.001)])
    assert "annotate" not in {row.variant.strategy for row in at.purchases}
    whys = {none.variant.strategy: none.why for none in at.not_offered}
    assert (
        "B pays for" in whys["annotate"]
        and "100 are in hand beside the 200 owned" in whys["annotate"]
    )


def test_break_even_prices_rest_on_both_sides(claims: Scenario) -> None:
    """One measurement of a teacher's student says nothing of labels alone."""
    taught = measurement(0.6, 100, "nano-m", 1000, 192)
    for known, expected in (
        ((taught,), 0),
        ((measurement(0.5),), 0),
        ((taught, measurement(0.5)), 2),
    ):
        answered = answer(claims, Evidence(known))
        assert answered.expected is not None and len(answered.expected.break_evens) == expected
        said = any(
            "no break-even price is looked for: of annotate, or of" in n for n in answered.notes
        )
        assert said == (not expected)
    one_sided = answer(claims, Evidence((measurement(0.99),)))
    if one_sided.expected is not None and one_sided.expected.table.best.variant.choices:
        assert "though nothing like it has been measured" in one_sided.sentence
