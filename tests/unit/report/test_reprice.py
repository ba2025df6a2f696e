"""Re-pricing: the dollars of the ledger at other prices, to the last micro-dollar, and what it leaves open."""

import datetime
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.book_files import open_book
from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Plan
from raydoa.costs.tariffs import Tariff
from raydoa.costs.vectorized import micro_usd, unit_gpu_seconds
from raydoa.errors import UserError
from raydoa.report.break_even import break_evens
from raydoa.report.columns import as_cells, read_table
from raydoa.report.reprice import emptied_columns, new_prices, reprice
from raydoa.report.unit_prices import gpu_hour_usd, label_usd, prices_of
from tests.unit.conftest import Measured
from tests.unit.report.conftest import grid, row

_DAY = datetime.date(2026, 11, 22)


@pytest.fixture(scope="module")
def cells(measured: Measured) -> pd.DataFrame:
    """Rows that real plans have, and real trainings."""
    return as_cells([dict(values) for values in measured.rows.values()], "measured")


@pytest.mark.parametrize("label", [None, 0.26, 0.013, 1.0, 0.0])
@pytest.mark.parametrize("gpu", [None, 3.99, 0.1, 0.0])
def test_it_is_what_the_ledger_says(
    measured: Measured, cells: pd.DataFrame, label: float | None, gpu: float | None
) -> None:
    study = measured.resolved.study
    book, sweep = study.unit_costs.book, study.sweep
    book = book.with_grid_intensity("us", 0.05, "a test", _DAY)
    if label is not None:
        book = book.with_label_price("tiny", label, "a test", _DAY)
    if gpu is not None:
        book = book.with_gpu_price(sweep.accelerator, gpu, "a test", _DAY)
    wanted = {"label.tiny": label, f"gpu.{sweep.accelerator}": gpu, "grid.us": 0.05}
    prices = {name: usd for name, usd in wanted.items() if usd is not None}
    found = reprice(cells, prices).set_index("cell")
    assert found["feasible"].any() and not found["feasible"].all()
    study = replace(study, unit_costs=replace(study.unit_costs, book=book))
    for cell, plan in measured.expected.cells.items():
        ledger = study.ledger(plan) if isinstance(plan, Plan) else Ledger()
        for item in ITEMS.names():
            line = ledger.line(item)
            assert found.loc[cell.name, f"cost_{item}"] == (line.cost_usd if line else 0.0)
        assert found.loc[cell.name, "cost_total"] == ledger.cost_usd
        expected = ledger.kgco2e(book, sweep.accelerator, sweep.region)
        assert found.loc[cell.name, "kgco2e"] == pytest.approx(expected, rel=1e-12)


def test_the_sweeps_own_prices_change_no_cent(cells: pd.DataFrame) -> None:
    label, gpu = label_usd(cells), gpu_hour_usd(cells)
    assert label == 0.5 and gpu == 2.74470525
    again = reprice(cells, {"label.tiny": label, "gpu.a100-40gb": gpu})
    for column in [name for name in cells if name.startswith("cost_") and name != "cost_incurred"]:
        assert again[column].tolist() == cells[column].tolist()


def test_what_belongs_to_the_old_plan_is_emptied(cells: pd.DataFrame) -> None:
    before = cells.copy()
    found = reprice(cells, {"label.tiny": 0.1})
    pd.testing.assert_frame_equal(cells, before)
    gone = ["unspent", "cost_incurred", "fraction_labels", "fraction_student"]
    assert found[gone].isna().all().all()
    kept = [
        "cell",
        "budget",
        "score",
        "labels",
        "gpu_seconds_teacher",
        "kgco2e",
        "infeasible_reason",
    ]
    pd.testing.assert_frame_equal(found[kept], cells[kept])
    assert set(found["prices"]) == {"embedded+label.tiny=0.5+label.tiny=0.1"}
    assert reprice(cells, {}) is cells


def test_a_table_at_other_prices_is_read(cells: pd.DataFrame) -> None:
    """As the page exports it, with columns in which nothing stands."""
    written = reprice(cells, {"label.tiny": 0.1})
    read = read_table(written.to_csv(index=False).encode(), "written")
    emptied = emptied_columns(cells)
    assert read[emptied].isna().all(axis=None) and read["cost_total"].equals(written["cost_total"])
    with pytest.raises(UserError, match="here: \\w+ of cell .* is .*; expected a number"):
        read_table(written.assign(prices="a book").to_csv(index=False).encode(), "here")


def test_the_prices_of_rows(cells: pd.DataFrame) -> None:
    other = reprice(cells, {"label.tiny": 0.1, "gpu.a100-40gb": 2.0})
    assert label_usd(other) == 0.1 and gpu_hour_usd(other) == 2.0
    with_two = pd.concat([cells, other])
    assert label_usd(with_two) is None and gpu_hour_usd(with_two) is None


def test_where_the_book_is_not_at_hand_the_bills_tell(cells: pd.DataFrame) -> None:
    unknown = cells.assign(prices="mine")
    assert label_usd(unknown) == 0.5
    assert gpu_hour_usd(unknown) == pytest.approx(
        2.74470525, rel=0.02
    )  # Bills of a few micro-dollars.
    other = reprice(unknown, {"label.tiny": 0.1, "gpu.a100-40gb": 200.0}).assign(prices="other")
    assert label_usd(other) == 0.1
    assert label_usd(pd.concat([unknown, other])) is None
    assert gpu_hour_usd(pd.concat([unknown, other])) is None
    with pytest.raises(UserError, match=r"grid: the sweep's price book 'mine' is not shipped"):
        reprice(unknown, {"grid.us": 0.1})


@pytest.fixture
def ruled() -> pd.DataFrame:
    """Cells of which one bought rules, a cost item with a price of its own whose plugin is not installed."""
    bought = {"quantity_rules": 3, "cost_rules": 7.5, "cost_student": 2.0, "cost_total": 9.5}
    rows = [
        row(["rules"], budget=10.0),
        row(["rules"], strategy="rules", budget=10.0, score=0.7, **bought),
    ]
    return as_cells(rows, "ruled")


def test_an_item_with_a_price_of_its_own(ruled: pd.DataFrame) -> None:
    rules = prices_of(ruled)["rules"]
    assert (rules.scope, rules.unit, rules.now(ruled)) == (None, "unit", 2.5)
    prices = new_prices({"rules": 1.1}, ruled)
    assert prices == {"rules": 1.1}
    other = reprice(ruled, prices)
    assert set(other["prices"]) == {"book+rules=1.1"}
    assert other["cost_rules"].tolist() == [0.0, 3.3]
    assert other["cost_total"].tolist() == [0.0, 5.3]
    assert other["fraction_rules"].isna().all() and rules.now(other) == 1.1
    with pytest.raises(
        UserError, match=r"price: found 'rule'; .* label, gpu_hour, grid, rules, label.tiny"
    ):
        new_prices({"rule": 1.0}, ruled)


def test_its_break_even_price(ruled: pd.DataFrame) -> None:
    [change] = [change for change in break_evens(ruled, [10.0]) if change.name == "rules"]
    # Three for what $2 for the student leave of $10; above that, labels alone.
    assert (change.now, change.lower, change.upper) == (2.5, pytest.approx(8 / 3), np.inf)
    assert (change.below, change.above) == ("rules", "annotate")


def test_changes_are_written_as_for_a_plan() -> None:
    cells = grid(tasks=("tiny", "other"))
    found = new_prices({"label": 0.1, "label.tiny": 0.2, "gpu_hour": 3.0, "grid": 0.5}, cells)
    assert found == {"label.tiny": 0.2, "label.other": 0.1, "gpu.a": 3.0, "grid.r": 0.5}
    assert new_prices({"label.tiny": 0.2, "label": 0.1}, cells)["label.tiny"] == 0.2
    real = cells.assign(accelerator="a100-40gb")
    changed = new_prices({"grid": 0.5, "gpu_hour": 3.0, "label": 0.1, "label.tiny": 0.2}, real)
    [book] = reprice(real, changed, open_book("2026-11-09"))["prices"].unique()
    assert book == "book+label.other=0.1+label.tiny=0.2+gpu.a100-40gb=3+grid.r=0.5"
    for name in ("labels", "label.tine", "gpu", "gpu.h100"):
        with pytest.raises(
            UserError, match=rf"price: found '{name}'; those of this sweep are label, gpu_hour"
        ):
            new_prices({name: 1.0}, cells)
    for value in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UserError, match=r"label.tiny: found .*; a price is a number from 0 up"):
            new_prices({"label.tiny": value}, cells)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**7),
            st.one_of(st.integers(1, 10**6).map(lambda i: i / 1000), st.floats(1e-9, 100.0)),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_many_items_cost_what_each_does(items: list[tuple[int, float]]) -> None:
    quantities, prices = np.array([q for q, _ in items]), np.array([p for _, p in items])
    each = [Tariff("labels", "label", None, price).micro_usd(quantity) for quantity, price in items]
    assert micro_usd(quantities, prices).tolist() == each


@given(st.integers(1, 10**6), st.floats(1e-6, 1e4))
def test_a_unit_gives_its_total_again(quantity: int, unit: float) -> None:
    total = quantity * unit
    [found] = unit_gpu_seconds(np.array([total]), np.array([quantity]))
    assert found * quantity == total
    assert found == pytest.approx(unit, rel=1e-15)


def test_a_price_of_0(cells: pd.DataFrame) -> None:
    free = reprice(cells, new_prices({"label": -0.0, "gpu_hour": 0.0, "grid": 0.0}, cells))
    assert set(free["prices"]) == {"embedded+label.tiny=0.5+label.tiny=0+gpu.a100-40gb=0+grid.us=0"}
    assert (free[["cost_total", "cost_labels", "cost_student", "kgco2e"]] == 0).all().all()
    assert label_usd(free) == gpu_hour_usd(free) == 0
    again = reprice(free, {"label.tiny": 0.5, "gpu.a100-40gb": 2.74470525})
    assert again["cost_total"].tolist() == cells["cost_total"].tolist()


def test_a_price_of_0_is_told_by_the_bills(cells: pd.DataFrame) -> None:
    free = reprice(cells, {"label.tiny": 0.0, "gpu.a100-40gb": 0.0}).assign(prices="mine")
    assert label_usd(free) == gpu_hour_usd(free) == 0
    # Some paid, and some did not.
    assert label_usd(pd.concat([free, cells.assign(prices="mine")])) is None


def test_what_is_not_known_is_never_for_nothing(cells: pd.DataFrame) -> None:
    holed = cells[cells["feasible"]].assign(gpu_seconds_student=np.nan)
    found = reprice(holed, {"gpu.a100-40gb": 2.0})
    assert found["cost_student"].isna().all() and found["cost_total"].isna().all()


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ({"label.tiny": -0.1}, "label.tiny: found -0.1; a price is a number from 0 up"),
        ({"label.tinny": 0.1}, "price: found 'label.tinny'; those of this sweep are"),
    ],
)
def test_what_is_no_price_is_refused(
    cells: pd.DataFrame, prices: dict[str, float], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        reprice(cells, prices)
    assert str(caught.value).startswith(message)
