"""A plan as fractions, as samplers see it, and the way back."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from raydoa.costs.allocation import from_fractions, to_fractions
from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Supply
from raydoa.costs.schedules import steps_for
from tests.unit.costs.asking import XXL, Asked, annotates, distills, missing, mixes

fractions = st.dictionaries(st.sampled_from(ITEMS.names()), st.floats(0, 1))
choices = st.sampled_from([{}, {"teacher": XXL}])
asked = (annotates | mixes).map(
    lambda a: replace(a, supply=Supply(a.supply.train_rows or 9000, a.supply.pool_rows))
)


@given(asked, fractions, choices)
def test_every_point_of_the_cube_is_a_plan_that_the_budget_pays(
    asks: Asked, point: dict[str, float], chosen: dict[str, str]
) -> None:
    question = replace(asks.question, axes={})
    plan = from_fractions(point, chosen, question, asks.budget_usd)
    if isinstance(plan, Infeasible):
        assert missing(plan)[0] > 0
        return
    assert question.cost_micro_usd(plan) <= asks.budget_micro_usd
    labels, recipes = asks.n + plan.quantity("labels"), asks.recipes
    assert labels <= asks.supply.labels(plan.quantity("pseudo_labels"))
    if chosen:
        full = steps_for(recipes.teacher, labels)
        assert full / recipes.teacher.epochs <= plan.quantity("teacher") <= full
        rows = plan.quantity("pseudo_labels")
        assert 1 <= rows <= asks.supply.pool(labels)
        rows += labels if plan.quantity("labels") else 0
        full = steps_for(recipes.student_on_soft_labels, rows)
        assert full / recipes.student_on_soft_labels.epochs <= plan.quantity("student") <= full
    else:
        assert plan.quantity("student") == steps_for(recipes.student_on_labels, labels)


@given(asked, fractions, choices)
def test_a_plan_is_reached_again_by_its_fractions(
    asks: Asked, point: dict[str, float], chosen: dict[str, str]
) -> None:
    question = replace(asks.question, axes={})
    plan = from_fractions(point, chosen, question, asks.budget_usd)
    assume(isinstance(plan, Plan))
    seen = to_fractions(plan, question, asks.budget_usd)
    assert all(0 <= fraction <= 1 for fraction in seen.values())
    assert from_fractions(seen, chosen, question, asks.budget_usd) == plan


@given(annotates | distills)
def test_what_a_strategy_plans_is_a_point(asks: Asked) -> None:
    plan = asks.plan()
    assume(isinstance(plan, Plan))
    assert isinstance(plan, Plan)
    seen = to_fractions(plan, asks.question, asks.budget_usd)
    again = from_fractions(seen, dict(plan.choices), asks.question, asks.budget_usd)
    assert again == plan


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_the_ends_are_the_least_and_the_most(end: float) -> None:
    asks = Asked("mixed", 100.0, 1000, supply=Supply(4000, 60_000))
    point = dict.fromkeys(ITEMS.names(), end)
    plan = from_fractions(point, {"teacher": XXL}, asks.question, asks.budget_usd)
    assert isinstance(plan, Plan)
    if end:
        more = plan.with_quantities(labels=plan.quantity("labels") + 1)
        assert asks.cost(more) > asks.budget_usd, "all that is affordable went to labels"
    else:
        assert plan.quantity("labels") == 0
        assert plan.quantity("pseudo_labels") == plan.quantity("student") == 1
