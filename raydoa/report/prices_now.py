"""The unit prices that rows were planned with, which the rows tell by the name of a book, and by their bills.

A book's id has its changes in it (`raydoa.costs.prices`): ``2026-11-09+label.wlp=0.1``. A book of the user's own is
not at hand; then the bills are asked. Each item was rounded up to a micro-dollar, so each bill leaves a narrow range
for the price, and the roundest number in the range of all bills is taken.
"""

from collections.abc import Callable

import pandas as pd

from raydoa.costs.ledger import MICRO
from raydoa.costs.prices import PriceBook, open_book, shipped_books
from raydoa.report.reprice import COMPUTING, gpu_seconds


def label_usd(cells: pd.DataFrame) -> float | None:
    """Dollars per label of cells of one task; None if that is not one price, or not known."""
    task = _only(cells, "task")
    if task is None:
        return None
    told = _told(
        cells, f"label.{task}", lambda book: book.label_usd(task) if task in book.labels else None
    )
    if told is not None:
        return told
    bought = cells[cells["labels"] > 0]
    return _roundest(bought["cost_labels"], bought["labels"].astype(float), 1)


def gpu_hour_usd(cells: pd.DataFrame) -> float | None:
    """Dollars per GPU-hour of cells on one accelerator; None if that is not one price, or not known."""
    kind = _only(cells, "accelerator")
    if kind is None:
        return None
    told = _told(
        cells, f"gpu.{kind}", lambda book: book.gpu_hour_usd(kind) if kind in book.accelerators else None
    )  # fmt: skip
    if told is not None:
        return told
    computed = cells[gpu_seconds(cells) > 0]
    dollars = computed[[f"cost_{stage}" for stage in COMPUTING]].sum(axis=1)
    return _roundest(dollars, gpu_seconds(computed) / 3600, len(COMPUTING))


def _only(cells: pd.DataFrame, column: str) -> str | None:
    """The value that all cells have in a column."""
    return str(cells[column].iloc[0]) if cells[column].nunique() == 1 else None


def _told(
    cells: pd.DataFrame, change: str, in_book: Callable[[PriceBook], float | None]
) -> float | None:
    """The price that the books' ids tell: as a change, or as the shipped book has it."""
    written, base = _written(cells, change), _base(cells)
    if written is not None or base is None:
        return written
    return in_book(open_book(base))


def _written(cells: pd.DataFrame, change: str) -> float | None:
    """The price in the books' ids, if it is in all of them, and the same."""
    found = set()
    for name in cells["prices"].unique():
        changes = dict(part.split("=", 1) for part in str(name).split("+")[1:] if "=" in part)
        found.add(changes.get(change))
    text = found.pop() if len(found) == 1 else None
    return None if text is None else float(text)


def _base(cells: pd.DataFrame) -> str | None:
    """The shipped book that all ids change, where they change the same."""
    names = cells["prices"].unique()
    base = str(names[0]).partition("+")[0] if len(names) == 1 else ""
    return base if base in shipped_books() else None


def _roundest(dollars: "pd.Series[float]", units: "pd.Series[float]", items: int) -> float | None:
    """The price with the fewest digits that all bills of up to ``items`` roundings allow, if there is one."""
    if dollars.empty:
        return None
    slack = 1e-9 * dollars  # What floats add.
    low = float(((dollars - items / MICRO - slack) / units).max())
    high = float(((dollars + slack) / units).min())
    for digits in range(1, 16):
        price = float(f"{(low + high) / 2:.{digits}g}")
        if low <= price <= high:
            return price
    return None
