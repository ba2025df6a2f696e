"""What shares of a budget buy: the plan of `mixed`, its faces, and the way back from a plan to its shares."""

from dataclasses import astuple, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from raydoa.costs.allocation import Allocation
from raydoa.costs.ledger import MICRO
from raydoa.costs.plan import plan_cell
from raydoa.costs.tariff import Pool, Quantities, Recipes, Request, Tariff, steps_for
from raydoa.errors import UserError
from tests.unit.costs.test_plan import (
    COSTS,
    PAPER,
    SMALL,
    XXL,
    Task,
    annotates,
    budgets,
    distills,
    plan,
    recipes,
    tasks,
)

weights = st.tuples(*[st.integers(0, 1000)] * 4).filter(any)
shares = weights.map(lambda w: Allocation(*(part / sum(w) for part in w)))
pools = st.none() | st.builds(Pool, st.integers(4001, 60_000), st.booleans())
mixed = st.builds(
    Request,
    strategy=st.just("mixed"),
    task=tasks,
    budget_usd=budgets,
    n=st.integers(0, 3000),
    student=st.just(SMALL),
    teacher=st.just(XXL),
    u=st.none() | st.integers(1, 50_000),
    labels_available=st.integers(1, 4000),
    allocation=shares,
    pool=pools,
)


def again(request_: Request, recipe: Recipes) -> None:
    """Shares made of a plan buy that plan again."""
    first = plan(request_, recipe)
    assume(first.feasible)
    asked = replace(
        request_,
        strategy="mixed",
        u=first.quantities.pseudo_labels or None,
        teacher=request_.teacher,
        label_share=None,
        allocation=Allocation.of(first.ledger, request_.budget_usd),
    )
    second = plan(asked, recipe)
    assert second.quantities == first.quantities
    assert second.ledger == first.ledger


@given(mixed, recipes)
def test_a_mixed_plan_is_bought_again_by_its_shares(request_: Request, recipe: Recipes) -> None:
    again(request_, recipe)


@given(annotates, recipes)
def test_annotate_is_a_face(request_: Request, recipe: Recipes) -> None:
    again(request_, recipe)


@given(distills.filter(lambda r: r.strategy == "distill"), recipes)
def test_distill_is_a_face(request_: Request, recipe: Recipes) -> None:
    again(request_, recipe)


@given(
    mixed,
    recipes,
    st.integers(0, 2000),
    st.floats(0, 1),
    st.integers(1, 20_000),
    st.floats(0, 1),
    st.floats(0, 500),
)
def test_whole_quantities_are_bought_by_their_shares(
    request_: Request, recipe: Recipes, labels: int, of_teacher: float, u: int, of_student: float, spare: float
) -> None:  # fmt: skip
    """Whatever a search proposes, where a unit costs a micro-dollar at least."""
    free = replace(request_, labels_available=None, pool=None, u=u)
    tariff = Tariff(free, recipe, COSTS)
    prices = [
        rate.unit_price_usd for rate in (tariff.teacher, tariff.pseudo_labels, tariff.student)
    ]
    assume(min(prices) >= 1 / MICRO and free.n + labels > 0)

    def between(schedule: object, rows: int, part: float) -> int:
        full = steps_for(schedule, rows)
        least = full // schedule.epochs
        return least + int(part * (full - least))

    rows = u + (free.n + labels if labels else 0)
    wanted = Quantities(
        labels,
        between(recipe.teacher, free.n + labels, of_teacher),
        u,
        between(recipe.student_on_soft_labels, rows, of_student),
    )
    ledger = tariff.ledger(wanted)
    budget = ledger.cost_usd + spare
    asked = replace(free, budget_usd=budget, allocation=Allocation.of(ledger, budget))
    assert plan(asked, recipe).quantities == wanted


@given(mixed, recipes)
def test_no_share_pays_for_another(request_: Request, recipe: Recipes) -> None:
    made = plan(request_, recipe)
    allocation = request_.allocation
    assert allocation is not None
    if not made.feasible:
        assert made.missing_usd > 0 and made.infeasible_reason is not None
        assert made.infeasible_reason.endswith("is missing")
        return
    assert made.ledger.cost_usd <= request_.budget_usd
    for item in made.ledger.items:
        assert item.cost_usd <= getattr(allocation, item.stage) * request_.budget_usd + 1 / MICRO
    bought = made.quantities
    labels = request_.n + bought.labels
    full = steps_for(recipe.teacher, labels)
    assert full / recipe.teacher.epochs <= bought.teacher_steps <= full
    assert bought.labels <= (request_.labels_available or 0)
    assert 1 <= bought.pseudo_labels <= (request_.u or bought.pseudo_labels)
    if request_.pool is not None:
        assert bought.pseudo_labels <= request_.pool.beside(bought.labels)
    rows = bought.pseudo_labels + (labels if bought.labels else 0)
    full = steps_for(recipe.student_on_soft_labels, rows)
    assert full / recipe.student_on_soft_labels.epochs <= bought.student_steps <= full


@given(distills.filter(lambda r: r.strategy == "distill"), recipes, st.floats(0, 1))
def test_a_label_share_leaves_the_rest_to_distillation(
    request_: Request, recipe: Recipes, share: float
) -> None:
    made = plan(replace(request_, strategy="mixed", label_share=share), recipe)
    if share == 0:
        assert replace(made, strategy="distill") == plan(request_, recipe)
    if made.feasible:
        assert made.ledger.cost_usd <= request_.budget_usd
        labels = made.quantities.labels
        assert made.quantities.teacher_steps == steps_for(recipe.teacher, request_.n + labels)
        assert made.quantities.pseudo_labels == request_.u
        item = made.ledger.item("labels")
        spent = item.cost_usd if item else 0.0
        assert spent <= share * request_.budget_usd + 1 / MICRO
    else:
        assert made.missing_usd > 0 and "is missing" in str(made.infeasible_reason)


ASKED = Request(
    "mixed", Task(), 100.0, 1000, SMALL, XXL, None, 3000, Allocation(0.26, 0.24, 0.4, 0.1)
)


def test_shares_buy_what_they_pay_for() -> None:
    bought = plan(ASKED).quantities
    assert bought.labels == 100
    assert bought.teacher_steps == 700
    assert plan(replace(ASKED, labels_available=7)).quantities.labels == 7
    assert plan(replace(ASKED, u=10)).quantities.pseudo_labels == 10
    few = plan(replace(ASKED, pool=Pool(150, labels_come_from_it=True)))
    assert few.quantities.pseudo_labels == 50
    assert plan(replace(ASKED, pool=Pool(150, labels_come_from_it=False))).quantities.pseudo_labels == 150  # fmt: skip


def test_a_share_that_is_too_small_says_so() -> None:
    poor = plan(replace(ASKED, allocation=Allocation(0.26, 0.0001, 0.6399, 0.1)))
    assert not poor.feasible and poor.quantities == Quantities()
    assert poor.infeasible_reason is not None
    assert poor.infeasible_reason.startswith(
        "the least that the teacher's fine-tuning takes is $0."
    )
    assert "the share for it is $0.01: $0." in poor.infeasible_reason
    fewer = plan(replace(ASKED, allocation=Allocation(0.26, 0.01, 0.63, 0.1))).quantities
    assert 35 <= fewer.teacher_steps < 700


def test_distilling_needs_no_label_price() -> None:
    task = Task("mine")
    assert plan(replace(ASKED, task=task, u=100, allocation=None, label_share=0.0)).feasible
    assert plan(replace(ASKED, task=task, allocation=Allocation(0, 0.5, 0.4, 0.1))).feasible


@pytest.mark.parametrize(
    ("fractions", "said"),
    [
        ((0.5, 0.5, 0.5, 0), "found labels 0.5 + teacher 0.5 + pseudo_labels 0.5 + student 0 = 1.5; the shares must"),
        ((0.2, 0.2, 0.2, 0.2), "= 0.8; the shares must sum to 1"),
        ((-0.1, 0.6, 0.25, 0.25), "found labels = -0.1; a share of the budget is from 0 to 1"),
        ((0.1, float("nan"), 0.5, 0.4), "found teacher = nan; a share"),
        ((0.1, 0.0, float("inf"), 0.4), "found pseudo_labels = inf; a share"),
    ],
)  # fmt: skip
def test_fractions_that_are_none(fractions: tuple[float, ...], said: str) -> None:
    with pytest.raises(UserError) as mistake:
        Allocation(*fractions)
    assert str(mistake.value).startswith("allocation: ") and said in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_rounding_is_no_mistake_and_never_overspends() -> None:
    over = Allocation(0.2500004, 0.25, 0.25, 0.2500004)
    for cents in range(1000, 1200):
        made = plan(replace(ASKED, budget_usd=cents / 100, u=1, allocation=over))
        assert made.ledger.cost_usd <= cents / 100
    assert sum(astuple(over)) > 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"allocation": None}, "mixed: give either an allocation or a label share"),
        ({"label_share": 0.5}, "mixed: give either an allocation or a label share"),
        ({"teacher": None}, "teacher: missing; the allocation has a share for a teacher"),
        ({"u": 0}, "u: found 0; a pool has at least 1 row"),
        ({"n": 0, "labels_available": 0}, "n: found 0 with no labels to buy"),
        ({"pool": Pool(100, True)}, "u: no pool rows are left beside 1,100 labels"),
        ({"allocation": None, "label_share": 0.5}, "u: missing; mixed with a label share needs"),
        ({"allocation": None, "label_share": 0.5, "u": 9, "n": 0}, "n: found 0; mixed"),
        ({"allocation": None, "label_share": 1.5, "u": 9}, "label_share: found 1.5"),
        ({"allocation": None, "label_share": float("nan"), "u": 9}, "label_share: found nan"),
        ({"strategy": "distill", "u": 9}, "allocation: distill has none"),
    ],
)
def test_requests_that_make_no_sense(change: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as mistake:
        plan_cell(replace(ASKED, **change), PAPER, COSTS)
    assert said in str(mistake.value) and "\n" not in str(mistake.value)
