"""What a budget buys, of every strategy."""

import pickle
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.plan import Infeasible, Plan, plan_from_json
from raydoa.costs.prices import PriceBook
from raydoa.costs.question import Supply
from raydoa.costs.schedules import steps_for
from raydoa.costs.unit_costs import UnitCosts
from raydoa.errors import UserError
from raydoa.strategies import STRATEGIES
from tests.unit.costs.asking import (
    PAPER,
    SMALL,
    XXL,
    Asked,
    Task,
    annotates,
    asked,
    distills,
    missing,
    mixes,
    short_of_labels,
)


def quantities(plan: Plan | Infeasible) -> tuple[int, int, int, int]:
    assert isinstance(plan, Plan), plan
    quantity = plan.quantity
    return quantity("labels"), quantity("teacher"), quantity("pseudo_labels"), quantity("student")


@given(asked)
def test_the_ceiling_is_never_exceeded(asks: Asked) -> None:
    plan = asks.plan()
    if isinstance(plan, Plan):
        assert asks.cost(plan) <= asks.budget_usd
        assert asks.question.cost_micro_usd(plan) <= asks.budget_micro_usd


@given(annotates)
def test_one_more_label_would_exceed_the_budget(asks: Asked) -> None:
    plan = asks.plan()
    if isinstance(plan, Infeasible):
        return
    labels, schedule = plan.quantity("labels"), asks.recipes.student_on_labels
    assert plan.quantity("student") == steps_for(schedule, asks.n + labels)
    assert labels <= asks.supply.labels(0) - asks.n
    steps = steps_for(schedule, asks.n + labels + 1)
    assert asks.cost(plan.with_quantities(labels=labels + 1, student=steps)) > asks.budget_usd


@given(annotates)
def test_a_budget_for_more_labels_than_are_in_hand_is_infeasible(asks: Asked) -> None:
    """Decided by the plan that would be bought with rows without end."""
    endless, plan = replace(asks, supply=Supply()).plan(), asks.plan()
    if (
        isinstance(endless, Infeasible)
        or endless.quantity("labels") <= asks.supply.labels(0) - asks.n
    ):
        assert plan == endless
    else:
        assert isinstance(plan, Infeasible) and short_of_labels(plan)
        assert f"B pays for {endless.quantity('labels'):,} labels, and " in plan.reason


@given(distills | mixes)
def test_distill_pays_teacher_and_pool_in_full_and_the_most_steps(asks: Asked) -> None:
    plan = asks.plan()
    if isinstance(plan, Infeasible):
        return
    labels, schedule = plan.quantity("labels"), asks.recipes.student_on_soft_labels
    itself = plan.choice("teacher") == plan.student
    assert itself == (asks.strategy == "self_distill")
    of_teacher = asks.recipes.student_on_labels if itself else asks.recipes.teacher
    assert plan.quantity("teacher") == steps_for(of_teacher, asks.n + labels)
    assert plan.quantity("pseudo_labels") == asks.u
    assert labels == 0 or asks.strategy == "mixed"
    rows = (asks.u or 0) + (asks.n + labels if labels else 0)
    most, steps = steps_for(schedule, rows), plan.quantity("student")
    assert most / schedule.epochs <= steps <= most
    if steps < most:
        assert asks.cost(plan.with_quantities(student=steps + 1)) > asks.budget_usd


@given(mixes)
def test_a_label_share_leaves_the_rest_to_distillation(asks: Asked) -> None:
    plan = asks.plan()
    if asks.label_share == 0:
        assert plan == replace(asks, strategy="distill").plan(), "one plan, by whatever strategy"
    if isinstance(plan, Plan):
        line = asks.question.ledger(plan).line("labels")
        spent = line.cost_usd if line else 0.0
        assert spent <= (asks.label_share or 0.0) * asks.budget_usd + 1e-6
    else:
        assert short_of_labels(plan) or missing(plan)[0] > 0


@given(annotates | distills, st.floats(0, 100))
def test_more_money_never_buys_less(asks: Asked, more: float) -> None:
    before, after = asks.plan(), replace(asks, budget_usd=asks.budget_usd + more).plan()
    if isinstance(before, Infeasible):
        return
    if isinstance(after, Infeasible):
        assert short_of_labels(after)
    else:
        assert all(b <= a for b, a in zip(quantities(before), quantities(after), strict=True))


@given(asked)
def test_standalone_cost_is_every_item_once_and_in_full(asks: Asked) -> None:
    plan = asks.plan()
    if isinstance(plan, Infeasible):
        return
    by_hand = sum(
        asks.question.tariff(item, plan.choices).micro_usd(quantity)
        for item, quantity in plan.quantities
    )
    ledger = asks.question.ledger(plan)
    assert ledger.cost_micro_usd == asks.question.cost_micro_usd(plan) == by_hand
    assert [(line.item, line.quantity) for line in ledger.lines if line.quantity == 0] == []


@given(asked)
def test_the_same_question_has_the_same_plan_at_the_same_dollars(asks: Asked) -> None:
    plan = asks.plan()
    assert plan == asks.plan()
    if isinstance(plan, Plan):
        assert asks.question.ledger(plan) == replace(asks).question.ledger(plan)
        assert plan_from_json(plan.to_json()) == plan == pickle.loads(pickle.dumps(plan))
        assert hash(plan) == hash(plan_from_json(plan.to_json()))


@given(annotates | distills)
def test_infeasible_says_how_much_is_missing_and_no_less_would_do(asks: Asked) -> None:
    why = asks.plan()
    if isinstance(why, Plan) or short_of_labels(why):
        return
    most, digit = missing(why)
    assert isinstance(asks.with_micro_usd(asks.budget_micro_usd + most), Plan)
    assert isinstance(asks.with_micro_usd(asks.budget_micro_usd + most - digit), Infeasible)


def distill(budget_usd: float, n: int = 1000, u: int = 10_000) -> Asked:
    return Asked("distill", budget_usd, n, teacher=XXL, u=u)


def test_the_reason_reads_as_a_bill() -> None:
    why = distill(1.0).plan()
    assert isinstance(why, Infeasible)
    assert why.reason.startswith("the least it takes is the teacher's fine-tuning $1.")
    assert " + the pseudo-labels $0." in why.reason
    assert " + the student's training $0." in why.reason
    assert ", B is $1.00: $" in why.reason


def test_under_one_epoch_over_the_pool_is_infeasible() -> None:
    ample = distill(100.0)
    plan = ample.plan()
    assert isinstance(plan, Plan)
    one_epoch = ample.cost(plan.with_quantities(student=313))
    assert quantities(distill(one_epoch).plan())[3] == 313
    assert isinstance(distill(one_epoch - 1e-8).plan(), Infeasible)
    short = distill(one_epoch - 1e-6).plan()
    assert isinstance(short, Infeasible) and short.reason.endswith("$0.000001 is missing")


def test_a_budget_that_pays_for_everything_leaves_money() -> None:
    asks = distill(100.0)
    plan = asks.plan()
    assert quantities(plan) == (0, 640, 10_000, 15_650)
    assert isinstance(plan, Plan)
    lines = asks.question.ledger(plan).lines
    assert [line.item for line in lines] == ["teacher", "pseudo_labels", "student"]


def test_annotate_on_nothing_buys_at_least_one_label() -> None:
    assert isinstance(Asked("annotate", 0.0, 0).plan(), Infeasible)
    assert quantities(Asked("annotate", 5.0, 0).plan())[0] >= 1


def test_against_a_label_a_nano_teacher_costs_what_xxl_does(embedded: PriceBook) -> None:
    nano = Asked(
        "distill", 100.0, 1000, Task("lexicon", 24, 6), teacher="nano-l", u=10_000,
        student="nano-s", unit_costs=UnitCosts(embedded, "a100-40gb"),
    )  # fmt: skip
    large = distill(100.0)
    one, other = nano.plan(), large.plan()
    assert isinstance(one, Plan) and isinstance(other, Plan)
    assert one.quantities == other.quantities
    assert nano.cost(one) == large.cost(other)


WRONG = [
    ({"strategy": "anotate"}, "strategy: found 'anotate'; known are annotate, distill, self_distill"),
    ({"budget_usd": -1.0}, "budget: found -1.0"),
    ({"budget_usd": float("nan")}, "budget: found nan"),
    ({"n": -1}, "n: found -1"),
    ({"n": 0}, "n: found 0; distill fine-tunes a teacher"),
    ({"u": 0}, "u: found 0; distill needs a pool"),
    ({"u": None}, "u: found None"),
    ({"teacher": None}, "teacher: missing"),
    ({"strategy": "annotate", "n": 0, "supply": Supply(0)}, "n: found 0 with no labels to buy"),
    ({"strategy": "self_distill"}, "self_distill the student 'google/t5-v1_1-small' is its own"),
    ({"strategy": "mixed"}, "label_share: found None"),
    ({"strategy": "mixed", "label_share": 1.5}, "label_share: found 1.5"),
    ({"strategy": "mixed", "label_share": float("nan")}, "label_share: found nan"),
    ({"strategy": "mixed", "label_share": 0.5, "u": None}, "u: found None; mixed needs a pool"),
    ({"strategy": "mixed", "label_share": 0.5, "n": 0}, "n: found 0; mixed"),
    ({"task": Task("mine")}, None),
    ({"task": Task("mine"), "strategy": "mixed", "label_share": 0.0}, None),
    ({"teacher": "google/t5-v1_1-xxxl"}, "model: no unit cost"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_mistakes_are_one_clear_line(change: dict[str, object], said: str | None) -> None:
    asks = replace(distill(10.0), **change)
    if said is None:  # distillation buys no labels, so it needs no price for them
        assert isinstance(asks.plan(), Plan)
        return
    with pytest.raises(UserError) as mistake:
        asks.plan()
    assert said in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_annotating_a_task_without_a_price_is_an_error_never_free() -> None:
    with pytest.raises(UserError, match="label price of task 'mine'"):
        Asked("annotate", 10.0, 100, Task("mine")).plan()


def test_ten_thousand_plans_take_seconds() -> None:
    started = time.perf_counter()
    question = distill(1.0).question
    for number in range(10_000):
        asks = replace(question, n=1 + number)
        STRATEGIES.get(("annotate", "distill")[number % 2]).plan(asks, float(number % 400))
    assert time.perf_counter() - started < 20


def test_planning_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'pandas', 'transformers', 'ray'}"
    code = f"import sys, raydoa.strategies; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_strategy_is_reached_by_its_name() -> None:
    assert STRATEGIES.names() == (
        "annotate", "distill", "self_distill", "mixed", "llm_annotate", "llm_mixed", "llm_distill"
    )  # fmt: skip
    assert PAPER.teacher.epochs == 20 and SMALL != XXL
