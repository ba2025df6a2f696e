"""Labels that are bought: of people any row of the pool, and of gold those in hand; quantities, dollars and reasons."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Supply
from raydoa.costs.schedules import Recipes, steps_for
from raydoa.costs.tariffs import NO_LIMIT
from raydoa.experiment.presets import paper
from raydoa.strategies import STRATEGIES
from raydoa.strategies.ladders import Ladders
from tests.unit.costs.asking import XXL, Asked, Task, budgets, recipes, short_of_labels, tasks

LARGE = "google/t5-v1_1-large"
SWEEP = paper().sweep
RECIPES = Recipes(
    SWEEP.teacher_recipe,
    SWEEP.student_recipe,
    SWEEP.distill_recipe,
    labelling_batch_size=SWEEP.labelling_batch_size,
)
LABEL = Fraction(129, 1000)
STEP = Fraction("0.058824") * Fraction("21.957642") / 8 / 3600
"""A step of T5-Small over 32 rows takes 0.058824 GPU-seconds by its FLOPs; eight A100s are $21.957642 an hour."""


def claims(strategy: str, supply: Supply, **axes: object) -> Asked:
    """300 labelled claims, and a pool of 3,000 that are not, for $50."""
    return Asked(strategy, 50.0, 300, Task("fever", 128, 8), RECIPES, supply=supply, **axes)


def questions(strategy: str, **axes: object) -> Asked:
    """Natural Questions: 1,687 labelled rows, 1,000 of them owned, for $500."""
    task, supply = Task("nq", 128, 32), Supply(1687)
    return Asked(strategy, 500.0, 1000, task, RECIPES, supply=supply, **axes)


PEOPLE, GOLD = Supply(300, 3000, sale="pool"), Supply(300, 3000)
DISTILLED = {"teacher": LARGE, "u": 2000}


def dollars(asks: Asked) -> dict[str, tuple[int, float]]:
    plan = asks.plan()
    assert isinstance(plan, Plan), plan
    return {line.item: (line.quantity, line.cost_usd) for line in asks.question.ledger(plan).lines}


def reason(asks: Asked) -> str:
    why = asks.plan()
    assert isinstance(why, Infeasible), why
    assert "\n" not in why.reason
    return why.reason


def most_by_hand(owned: int, budget: int, label: Fraction, step: Fraction) -> int:
    """Labels that leave 20 epochs over all rows to be paid, in exact arithmetic, one after the other."""
    labels = 0
    while (labels + 1) * label + 20 * math.ceil((owned + labels + 1) / 32) * step <= budget:
        labels += 1
    return labels


def test_annotate_buys_of_people_what_b_pays_for_after_training() -> None:
    asks = claims("annotate", PEOPLE)
    step = asks.question.tariff("student", ()).unit_price_usd
    assert float(STEP) == pytest.approx(step, rel=1e-6)
    assert most_by_hand(300, 50, LABEL, STEP) == 387
    # 387 x $0.129, and 20 epochs of ceil(687 / 32) = 22 batches at $0.0000448.
    assert dollars(asks) == {"labels": (387, 49.923), "student": (440, 0.019734)}


def test_mixed_buys_of_people_as_well_and_distill_is_as_before() -> None:
    # Half of $50 is 193 labels and a rest; teacher, pool and student are then paid in full.
    assert dollars(claims("mixed", PEOPLE, label_share=0.5, **DISTILLED)) == {
        "labels": (193, 24.897),
        "teacher": (20 * 16, 0.043055),
        "pseudo_labels": (2000, 0.013495),
        "student": (50 * 78, 0.17491),
    }
    assert dollars(claims("distill", PEOPLE, **DISTILLED)) == {
        "teacher": (20 * 10, 0.02691),
        "pseudo_labels": (2000, 0.013495),
        "student": (50 * 63, 0.141273),
    }
    assert claims("distill", PEOPLE, **DISTILLED).plan() == claims("distill", GOLD, **DISTILLED).plan()  # fmt: skip


def test_of_gold_a_budget_for_more_than_is_in_hand_is_infeasible() -> None:
    assert reason(claims("annotate", GOLD)) == (
        "B pays for 387 labels, and none are in hand beside the 300 owned (labels: gold)"
    )
    assert reason(claims("mixed", GOLD, label_share=0.5, **DISTILLED)) == (
        "0.5 of B pays for 193 labels, and none are in hand beside the 300 owned (labels: gold)"
    )
    assert "and one is in hand beside the 299 owned" in reason(
        replace(claims("annotate", GOLD), n=299)
    )


def test_natural_questions_for_500_dollars() -> None:
    assert most_by_hand(1000, 500, LABEL, STEP) == 3874
    assert reason(questions("annotate")) == (
        "B pays for 3,874 labels, and 687 are in hand beside the 1,000 owned (labels: gold)"
    )
    # 15% of it are 581 labels, and 587 of the 687 are left beside a pool of 100 rows.
    assert dollars(questions("mixed", teacher=LARGE, u=100, label_share=0.15)) == {
        "labels": (581, 74.949),
        "teacher": (20 * 50, 0.139553),
        "pseudo_labels": (100, 0.002357),
        "student": (50 * 53, 0.118849),
    }
    assert reason(questions("mixed", teacher=LARGE, u=100, label_share=0.5)) == (
        "0.5 of B pays for 1,937 labels, and 587 are in hand beside the 1,000 owned and U = 100 (labels: gold)"
    )


def test_a_budget_for_no_more_than_is_in_hand_is_feasible() -> None:
    whole = replace(questions("annotate"), budget_usd=88.79)
    assert dollars(whole) == {"labels": (687, 88.623), "student": (20 * 53, 0.04754)}
    # One label more is $88.752, and the training on it $0.04754.
    assert dollars(replace(whole, budget_usd=88.799539)) == dollars(whole)
    why = replace(whole, budget_usd=88.79954).plan()
    assert isinstance(why, Infeasible) and short_of_labels(why)


def test_a_pool_that_is_smaller_than_what_b_pays_for_is_bought_whole_and_said() -> None:
    asks = claims("annotate", replace(PEOPLE, pool_rows=100))
    assert dollars(asks)["labels"][0] == 100
    assert STRATEGIES.get("annotate").short_of_labels(asks.question, 50.0) == (
        "B pays for 387 labels, and the pool has 100 rows"
    )
    mixed = claims("mixed", replace(PEOPLE, pool_rows=2100), label_share=0.5, **DISTILLED)
    assert dollars(mixed)["labels"][0] == 100
    assert STRATEGIES.get("mixed").short_of_labels(mixed.question, 50.0) == (
        "0.5 of B pays for 193 labels, and the pool has 100 rows beside U = 2,000"
    )


def test_strategies_that_buy_no_labels_lack_none() -> None:
    for name in ("distill", "self_distill"):
        question = claims(name, GOLD, **DISTILLED).question
        assert STRATEGIES.get(name).short_of_labels(question, 50.0) is None
    # Where the share is open, it can be one for which there are labels.
    question = replace(claims("mixed", GOLD).question, axes={})
    assert STRATEGIES.get("mixed").short_of_labels(question, 50.0) is None


def test_what_exists_today() -> None:
    assert PEOPLE.existing.to_buy(300, 0) == PEOPLE.existing.to_buy(100, 0) == 0
    assert PEOPLE.existing.pool(300) == 3000
    assert GOLD.existing == GOLD
    uncounted = Supply(sale="pool")
    assert uncounted.to_buy(300, 0) == NO_LIMIT - 300
    assert uncounted.existing.to_buy(300, 0) == 0


of_people = st.builds(
    Asked,
    strategy=st.just("annotate"),
    task=tasks,
    recipes=recipes,
    budget_usd=budgets,
    n=st.integers(1, 3000),
    supply=st.builds(Supply, st.just(0), st.integers(1, 9000), sale=st.just("pool")),
).map(lambda a: replace(a, supply=replace(a.supply, train_rows=a.n)))
mixes_of_people = st.builds(
    lambda asks, u, share: replace(
        asks,
        strategy="mixed",
        teacher=XXL,
        u=min(u, asks.supply.pool_rows),
        label_share=share,
    ),
    of_people,
    st.integers(1, 9000),
    st.floats(0, 1),
)


@given(of_people)
def test_of_people_no_more_is_left_than_one_label_and_its_training(asks: Asked) -> None:
    plan = asks.plan()
    if isinstance(plan, Infeasible):
        assert not short_of_labels(plan)
        return
    labels, cost = plan.quantity("labels"), asks.question.cost_micro_usd(plan)
    assert cost <= asks.budget_micro_usd
    assert labels <= asks.supply.pool_rows
    if labels < asks.supply.pool_rows:
        steps = steps_for(asks.recipes.student_on_labels, asks.n + labels + 1)
        more = plan.with_quantities(labels=labels + 1, student=steps)
        left = asks.budget_micro_usd - cost
        assert left < asks.question.cost_micro_usd(more) - cost


@given(mixes_of_people)
def test_no_row_is_both_bought_and_pseudo_labelled(asks: Asked) -> None:
    plan = asks.plan()
    if isinstance(plan, Infeasible):
        assert not short_of_labels(plan)
        return
    assert plan.quantity("labels") + plan.quantity("pseudo_labels") <= asks.supply.pool_rows
    assert asks.question.cost_micro_usd(plan) <= asks.budget_micro_usd


@given(of_people, st.integers(1, 2000), st.integers(0, 2000))
def test_what_is_bought_and_what_is_left_of_the_pool_are_all_of_it(
    asks: Asked, u: int, bought: int
) -> None:
    supply, n = asks.supply, asks.n
    assert supply.to_buy(n, u) == max(0, supply.pool_rows - u)
    assert supply.pool(n + bought) == max(0, supply.pool_rows - bought)
    assert (bought <= supply.to_buy(n, u)) == (u + bought <= supply.pool_rows or bought == 0)


@given(of_people)
def test_proposals_of_people_keep_to_the_pool_and_the_budget(asks: Asked) -> None:
    question = replace(asks.question, axes={}, teachers=(XXL,), sizes={XXL: 1e10}, shard_rows=500)
    ladders = Ladders(question, min(asks.budget_usd, 1000.0))
    for strategy in STRATEGIES:
        for plan in strategy.proposals(ladders):
            rows = plan.quantity("labels") + plan.quantity("pseudo_labels")
            assert rows <= asks.supply.pool_rows
            assert question.cost_micro_usd(plan) <= ladders.budget_micro_usd
