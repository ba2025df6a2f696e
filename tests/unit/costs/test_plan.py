import subprocess
import sys
import time
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.ledger import MICRO, Ledger
from raydoa.costs.plan import PLANNERS, Plan, plan_cell, price_quantities
from raydoa.costs.prices import PriceBook, open_book
from raydoa.costs.tariff import Quantities, Recipes, Request, Tariff, steps_for
from raydoa.costs.unit_costs import UnitCosts
from raydoa.errors import UserError


@dataclass(frozen=True)
class Task:
    name: str = "wlp"
    source_length: int = 128
    target_length: int = 64


@dataclass(frozen=True)
class Training:
    batch_size: int
    epochs: int


PAPER = Recipes(Training(32, 20), Training(32, 50), Training(32, 50), labelling_batch_size=32)
SMALL, XXL = "google/t5-v1_1-small", "google/t5-v1_1-xxl"
COSTS = UnitCosts(open_book("2026-11-09"), "a100-40gb")
TASKS = ("wlp", "stanceosaurus", "fever", "multipit_id", "multipit_gen", "nq")

tasks = st.builds(Task, st.sampled_from(TASKS), st.integers(1, 512), st.integers(1, 128))
trainings = st.builds(Training, st.integers(1, 64), st.integers(1, 50))
recipes = st.builds(Recipes, trainings, trainings, trainings, st.integers(1, 256))
budgets = st.floats(0, 20) | st.floats(0, 5000) | st.integers(0, 500).map(float)
annotates = st.builds(
    Request,
    strategy=st.just("annotate"),
    task=tasks,
    budget_usd=budgets,
    n=st.integers(0, 5000),
    student=st.just(SMALL),
    labels_available=st.none() | st.integers(1, 3000),
)
distills = st.builds(
    Request,
    strategy=st.sampled_from(["distill", "self_distill"]),
    task=tasks,
    budget_usd=budgets,
    n=st.integers(1, 3000),
    student=st.just(SMALL),
    teacher=st.none(),
    u=st.integers(1, 50_000),
).map(lambda r: replace(r, teacher=XXL) if r.strategy == "distill" else r)
requests = annotates | distills


def plan(request: Request, recipe: Recipes = PAPER, costs: UnitCosts = COSTS) -> Plan:
    return plan_cell(request, recipe, costs)


def cost_of(quantities: Quantities, request: Request, recipe: Recipes) -> float:
    return price_quantities(quantities, request, recipe, COSTS).cost_usd


@given(requests, recipes)
def test_the_ceiling_is_never_exceeded(request_: Request, recipe: Recipes) -> None:
    made = plan(request_, recipe)
    assert made.ledger.cost_usd <= request_.budget_usd
    assert made.unspent_usd >= 0
    left = Tariff(request_, recipe, COSTS).budget_micro_usd - made.ledger.cost_micro_usd
    assert made.unspent_usd == left / MICRO


@given(annotates, recipes)
def test_one_more_label_would_exceed_the_budget_or_the_rows(
    request_: Request, recipe: Recipes
) -> None:
    made = plan(request_, recipe)
    if not made.feasible:
        return
    labels = made.quantities.labels
    assert made.quantities.student_steps == steps_for(recipe.student_on_labels, request_.n + labels)
    if request_.labels_available is not None:
        assert labels <= request_.labels_available
        if labels == request_.labels_available:
            return
    steps = steps_for(recipe.student_on_labels, request_.n + labels + 1)
    assert cost_of(Quantities(labels + 1, 0, 0, steps), request_, recipe) > request_.budget_usd


@given(distills, recipes)
def test_distill_pays_teacher_and_pool_in_full_and_the_most_steps(
    request_: Request, recipe: Recipes
) -> None:
    made = plan(request_, recipe)
    if not made.feasible:
        return
    bought = made.quantities
    schedule = recipe.student_on_soft_labels
    assert bought.teacher_steps == steps_for(recipe.teacher, request_.n)
    assert bought.pseudo_labels == request_.u
    assert bought.labels == 0
    most = steps_for(schedule, request_.u)
    assert most / schedule.epochs <= bought.student_steps <= most
    if bought.student_steps < most:
        more = replace(bought, student_steps=bought.student_steps + 1)
        assert cost_of(more, request_, recipe) > request_.budget_usd


@given(requests, recipes, st.floats(0, 100))
def test_more_money_never_buys_less(request_: Request, recipe: Recipes, more: float) -> None:
    before = plan(request_, recipe)
    after = plan(replace(request_, budget_usd=request_.budget_usd + more), recipe)
    assert after.feasible >= before.feasible
    for name in ("labels", "teacher_steps", "pseudo_labels", "student_steps"):
        assert getattr(after.quantities, name) >= getattr(before.quantities, name)


@given(requests, recipes)
def test_standalone_cost_is_every_stage_once_and_in_full(
    request_: Request, recipe: Recipes
) -> None:
    made = plan(request_, recipe)
    tariff = Tariff(request_, recipe, COSTS)
    bought = made.quantities
    by_hand = tariff.labels.micro_usd(bought.labels) + tariff.student.micro_usd(
        bought.student_steps
    )
    if request_.u is not None:
        by_hand += tariff.teacher.micro_usd(bought.teacher_steps)
        by_hand += tariff.pseudo_labels.micro_usd(bought.pseudo_labels)
    assert made.ledger.cost_micro_usd == by_hand


@given(requests, recipes)
def test_the_same_quantities_under_the_same_book_are_the_same_dollars(
    request_: Request, recipe: Recipes
) -> None:
    made = plan(request_, recipe)
    assert made == plan(request_, recipe)
    assert price_quantities(made.quantities, request_, recipe, COSTS) == made.ledger
    stored = Ledger.from_json(made.ledger.to_json())
    assert stored.repriced(COSTS.book, COSTS.accelerator, request_.task.name) == made.ledger


@given(requests, recipes)
def test_infeasible_says_how_much_is_missing_and_no_less_would_do(
    request_: Request, recipe: Recipes
) -> None:
    made = plan(request_, recipe)
    assert made.feasible == (made.infeasible_reason is None) == (made.missing_usd == 0)
    if made.feasible:
        return
    assert made.quantities == Quantities()
    assert made.ledger.items == ()
    assert made.infeasible_reason is not None
    assert made.infeasible_reason.endswith("is missing")
    have = Tariff(request_, recipe, COSTS).budget_micro_usd
    missing = round(made.missing_usd * MICRO)
    assert plan(replace(request_, budget_usd=(have + missing) / MICRO), recipe).feasible
    assert not plan(replace(request_, budget_usd=(have + missing - 1) / MICRO), recipe).feasible


def distill(budget_usd: float, n: int = 1000, u: int = 10_000) -> Request:
    return Request("distill", Task(), budget_usd, n, SMALL, XXL, u)


def test_the_reason_reads_as_a_bill() -> None:
    reason = plan(distill(1.0)).infeasible_reason
    assert reason is not None
    assert reason.startswith("the least it takes is the teacher's fine-tuning $1.")
    assert " + the pseudo-labels $0." in reason
    assert " + the student's training $0." in reason
    assert ", B is $1.00: $" in reason


def test_under_one_epoch_over_the_pool_is_infeasible() -> None:
    tariff = Tariff(distill(0), PAPER, COSTS)
    one_epoch = tariff.ledger(Quantities(0, 640, 10_000, 313)).cost_usd
    assert plan(distill(one_epoch)).quantities.student_steps == 313
    assert not plan(distill(one_epoch - 1e-8)).feasible
    short = plan(distill(one_epoch - 1e-6))
    assert not short.feasible
    assert short.infeasible_reason is not None
    assert short.infeasible_reason.endswith("$0.000001 is missing")


def test_money_left_over_is_unspent() -> None:
    made = plan(distill(100.0))
    assert made.quantities == Quantities(0, 640, 10_000, 15_650)
    assert made.unspent_usd == pytest.approx(100 - made.ledger.cost_usd)
    assert [item.stage for item in made.ledger.items] == ["teacher", "pseudo_labels", "student"]


def test_annotate_on_nothing_buys_at_least_one_label() -> None:
    assert not plan(Request("annotate", Task(), 0.0, 0, SMALL)).feasible
    assert plan(Request("annotate", Task(), 5.0, 0, SMALL)).quantities.labels >= 1


def test_against_a_label_a_nano_teacher_costs_what_xxl_does(embedded: PriceBook) -> None:
    request = Request("distill", Task("lexicon", 24, 6), 100.0, 1000, "nano-s", "nano-l", 10_000)
    nano = plan(request, costs=UnitCosts(embedded, "a100-40gb"))
    large = plan(distill(100.0))
    assert nano.quantities == large.quantities
    assert nano.ledger.cost_usd == large.ledger.cost_usd


WRONG = [
    (
        {"strategy": "anotate"},
        "strategy: found 'anotate'; known are annotate, distill, self_distill",
    ),
    ({"budget_usd": -1.0}, "budget: found -1.0"),
    ({"budget_usd": float("nan")}, "budget: found nan"),
    ({"n": -1}, "n: found -1"),
    ({"n": 0}, "n: found 0; distill fine-tunes a teacher"),
    ({"u": 0}, "u: found 0; distill needs a pool"),
    ({"u": None}, "u: found None"),
    ({"teacher": None}, "teacher: missing"),
    ({"labels_available": -1}, "labels_available: found -1"),
    ({"strategy": "annotate"}, "teacher: found 'google/t5-v1_1-xxl'; annotate has none"),
    ({"strategy": "annotate", "teacher": None}, "u: found 10000; annotate has none"),
    (
        {"strategy": "annotate", "teacher": None, "u": None, "n": 0, "labels_available": 0},
        "n: found 0",
    ),
    ({"strategy": "self_distill"}, "self_distill the student 'google/t5-v1_1-small' is its own"),
    ({"task": Task("mine")}, None),
    ({"teacher": "google/t5-v1_1-xxxl"}, "model: no unit cost"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_mistakes_are_one_clear_line(change: dict[str, object], said: str | None) -> None:
    request = replace(distill(10.0), **change)
    if said is None:  # distillation buys no labels, so it needs no price for them
        assert plan(request).feasible
        return
    with pytest.raises(UserError) as mistake:
        plan(request)
    assert said in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_annotating_a_task_without_a_price_is_an_error_never_free() -> None:
    with pytest.raises(UserError, match="label price of task 'mine'"):
        plan(Request("annotate", Task("mine"), 10.0, 100, SMALL))


def test_ten_thousand_plans_take_seconds() -> None:
    started = time.perf_counter()
    for number in range(10_000):
        strategy = ("annotate", "distill")[number % 2]
        request = distill(float(number % 400), n=1 + number)
        plan(
            request
            if strategy == "distill"
            else replace(request, strategy=strategy, teacher=None, u=None)
        )
    assert time.perf_counter() - started < 20


def test_planning_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'pandas', 'transformers', 'ray'}"
    code = f"import sys, raydoa.costs.plan; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_planner_is_reached_by_its_name() -> None:
    assert set(PLANNERS) == {"annotate", "distill", "self_distill", "mixed"}
