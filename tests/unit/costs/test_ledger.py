import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.ledger import MICRO, Item, Ledger, Rate, compute_rate, exact
from raydoa.costs.prices import PriceBook

prices = st.floats(1e-7, 1e4)
quantities = st.integers(0, 10**8)


def test_a_price_is_the_number_that_was_written() -> None:
    assert exact(0.26) == Fraction(26, 100)
    assert Rate("labels", "label", None, 0.26).micro_usd(100) == 26 * MICRO


@given(prices, quantities)
def test_costs_are_rounded_up_by_less_than_a_micro_dollar(price: float, quantity: int) -> None:
    cost = Rate("labels", "label", None, price).micro_usd(quantity)
    assert 0 <= cost - exact(price) * quantity * MICRO < 1


@given(prices, st.integers(-(10**9), 10**12))
def test_affordable_is_the_most_that_can_be_paid(price: float, money: int) -> None:
    rate = Rate("student", "step", 1.0, price)
    most = rate.affordable(money)
    assert most == 0 or rate.micro_usd(most) <= money
    assert rate.micro_usd(most + 1) > money


@given(st.permutations(["labels", "teacher", "student"]), quantities, prices)
def test_the_total_is_the_sum_of_the_items_in_any_order(order, quantity: int, price: float) -> None:
    items = {s: Item(Rate(s, "unit", 1.5, price), quantity) for s in order}
    ledger = Ledger(tuple(items.values()))
    assert ledger.cost_micro_usd == sum(item.cost_micro_usd for item in items.values())
    assert ledger == Ledger.from_json(json.loads(json.dumps(ledger.to_json())))
    assert ledger.columns()["cost_total"] == ledger.cost_usd
    assert ledger.gpu_seconds == pytest.approx(4.5 * quantity)


def test_columns_name_every_stage() -> None:
    ledger = Ledger(
        (
            Item(Rate("labels", "label", None, 0.26), 10),
            Item(compute_rate("student", "train_step", 3.6, 2.0, "estimated"), 5),
        )
    )
    columns = ledger.columns()
    assert columns["cost_labels"] == 2.6
    assert columns["cost_student"] == pytest.approx(0.01)
    assert columns["gpu_seconds_student"] == 18
    assert columns["gpu_seconds_labels"] == columns["cost_llm"] == columns["cost_teacher"] == 0
    assert len(columns) == 11


def test_a_stage_is_paid_once() -> None:
    item = Item(Rate("labels", "label", None, 0.26), 1)
    with pytest.raises(AssertionError, match="twice"):
        Ledger((item, item))


def test_repricing_keeps_quantities_and_carbon_follows_the_hours(book: PriceBook) -> None:
    rate = compute_rate("teacher", "train_step", 3600.0, 1.0, "measured")
    ledger = Ledger((Item(Rate("labels", "label", None, 9.0), 10), Item(rate, 2)))
    again = ledger.repriced(book, "a100-40gb", "wlp")
    assert again.columns()["cost_labels"] == 2.6
    assert again.columns()["cost_teacher"] == pytest.approx(2 * 2.74470525, abs=1e-6)
    assert again.kgco2e(book, "a100-40gb", "us") == pytest.approx(2 * 0.4 * 1.14 * 0.348)
    assert again.repriced(book, "a100-40gb", "wlp") == again
