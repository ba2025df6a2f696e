from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger, LineItem
from raydoa.costs.prices import PriceBook
from raydoa.costs.tariffs import MICRO, NO_LIMIT, Tariff, compute_tariff, exact

prices = st.floats(1e-7, 1e4)
quantities = st.integers(0, 10**8)


def test_a_price_is_the_number_that_was_written() -> None:
    assert exact(0.26) == Fraction(26, 100)
    assert Tariff("labels", "label", None, 0.26).micro_usd(100) == 26 * MICRO


@given(prices, quantities)
def test_costs_are_rounded_up_by_less_than_a_micro_dollar(price: float, quantity: int) -> None:
    cost = Tariff("labels", "label", None, price).micro_usd(quantity)
    assert 0 <= cost - exact(price) * quantity * MICRO < 1


@given(prices, st.integers(-(10**9), 10**12))
def test_affordable_is_the_most_that_can_be_paid(price: float, money: int) -> None:
    tariff = Tariff("student", "step", 1.0, price)
    most = tariff.affordable(money)
    assert most == 0 or tariff.micro_usd(most) <= money
    assert tariff.micro_usd(most + 1) > money


def test_what_is_free_is_affordable_without_end() -> None:
    own_gpus = compute_tariff("teacher", "step", 3.6, 0.0, "measured")
    assert own_gpus.micro_usd(10**9) == 0 and own_gpus.affordable(0) == NO_LIMIT
    assert own_gpus.affordable(-1) == 0, "what is left after something that was too dear"


@given(st.permutations(["labels", "teacher", "student"]), quantities, prices)
def test_the_total_is_the_sum_of_the_lines_in_any_order(order, quantity: int, price: float) -> None:
    lines = {item: LineItem(Tariff(item, "unit", 1.5, price), quantity) for item in order}
    ledger = Ledger(tuple(lines.values()))
    assert ledger.cost_micro_usd == sum(line.cost_micro_usd for line in lines.values())
    assert ledger.columns(ITEMS.names())["cost_total"] == ledger.cost_usd
    assert ledger.gpu_seconds == pytest.approx(4.5 * quantity)


def test_columns_name_every_item() -> None:
    ledger = Ledger(
        (
            LineItem(Tariff("labels", "label", None, 0.26), 10),
            LineItem(compute_tariff("student", "train_step", 3.6, 2.0, "estimated"), 5),
        )
    )
    columns = ledger.columns(ITEMS.names())
    assert columns["cost_labels"] == 2.6
    assert columns["cost_student"] == pytest.approx(0.01)
    assert columns["gpu_seconds_student"] == 18
    assert columns["gpu_seconds_labels"] == columns["cost_teacher"] == 0
    assert len(columns) == 2 * len(ITEMS.names()) + 1


def test_carbon_follows_the_hours(book: PriceBook) -> None:
    tariff = compute_tariff("teacher", "train_step", 3600.0, 1.0, "measured")
    ledger = Ledger((LineItem(Tariff("labels", "label", None, 9.0), 10), LineItem(tariff, 2)))
    assert ledger.kgco2e(book, "a100-40gb", "us") == pytest.approx(2 * 0.4 * 1.14 * 0.348)
