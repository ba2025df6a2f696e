"""Prices of 0: what is free is had in full, and the rest is paid as ever."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from raydoa.costs.allocation import budget_shares, from_fractions, to_fractions
from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Supply
from raydoa.costs.tariffs import NO_LIMIT, Tariff, compute_tariff
from raydoa.costs.unit_costs import UnitCosts
from tests.unit.costs.asking import COSTS, XXL, Asked, annotates, distills, missing, mixes
from tests.unit.costs.test_prices import TODAY


def at(asks: Asked, label_usd: float | None = None, gpu_hour_usd: float | None = None) -> Asked:
    """The same question at other prices, with rows that have an end."""
    book = COSTS.book
    if label_usd is not None:
        book = book.with_label_price(asks.task.name, label_usd, "a test", TODAY)
    if gpu_hour_usd is not None:
        book = book.with_gpu_price("a100-40gb", gpu_hour_usd, "a test", TODAY)
    supply = Supply(asks.supply.train_rows or 9000, asks.supply.pool_rows or 50_000)
    return replace(asks, unit_costs=UnitCosts(book, "a100-40gb"), supply=supply)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_what_is_free_costs_nothing_and_is_affordable_without_end(quantity: int, money: int) -> None:  # fmt: skip
    for free in (Tariff("labels", "label", None, 0.0), compute_tariff("student", "step", 3.5, 0.0, None)):  # fmt: skip
        assert free.micro_usd(quantity) == 0
        assert free.affordable(money) == NO_LIMIT
        assert free.affordable(-1 - money) == 0


@given(annotates)
def test_free_labels_and_gpus_are_had_to_the_last_row(asks: Asked) -> None:
    free = at(asks, 0.0, 0.0)
    plan = free.plan()
    assert isinstance(plan, Plan)
    assert plan.n + plan.quantity("labels") == free.supply.labels(0)
    assert free.cost(plan) == 0 and free.question.gpu_seconds(plan) > 0


@given(distills)
def test_free_gpus_train_for_all_epochs(asks: Asked) -> None:
    free = at(asks, gpu_hour_usd=0.0)
    plan = free.plan()
    assert isinstance(plan, Plan)
    assert plan.quantity("student") == free.question.limits("student", plan)[1]
    assert free.question.ledger(plan).columns(ITEMS.names())["cost_total"] == 0


@given(annotates | mixes)
def test_labels_are_paid_for_where_gpus_are_free(asks: Asked) -> None:
    free = at(asks, gpu_hour_usd=0.0)
    plan = free.plan()
    if isinstance(plan, Infeasible):
        # B may pay for more labels than are in hand, which is no plan either.
        assert "in hand" in plan.reason or missing(plan)[0] > 0
        return
    label = free.question.tariff("labels", ())
    assert free.question.cost_micro_usd(plan) == label.micro_usd(plan.quantity("labels"))
    assert free.question.cost_micro_usd(plan) <= free.budget_micro_usd


@given(
    (annotates | mixes), st.sampled_from([(0.0, None), (None, 0.0), (0.0, 0.0)]),
    st.dictionaries(st.sampled_from(ITEMS.names()), st.floats(0, 1)), st.sampled_from([{}, {"teacher": XXL}]),
)  # fmt: skip
def test_every_point_is_a_plan_and_is_reached_again(
    asks: Asked, usd: tuple[float | None, float | None], point: dict[str, float], chosen: dict[str, str]
) -> None:  # fmt: skip
    question = replace(at(asks, *usd).question, axes={})
    plan = from_fractions(point, chosen, question, asks.budget_usd)
    assume(isinstance(plan, Plan))
    assert question.cost_micro_usd(plan) <= asks.budget_micro_usd
    seen = to_fractions(plan, question, asks.budget_usd)
    assert from_fractions(seen, chosen, question, asks.budget_usd) == plan


def test_shares_of_what_costs_nothing() -> None:
    assert budget_shares({"labels": 0.0, "student": 0.0}, 5.0) == {"labels": 0.0, "student": 0.0}
    assert budget_shares({"labels": 0.0}, 0.0) == {"labels": 0.0}
