"""The unit prices that costs move with, and what they were when rows were planned.

A label has a price in each task and a GPU-hour on each accelerator; a cost item may have a price of its own. The rows
tell them by the name of a price book, whose id has its changes in it (`raydoa.costs.prices`):
``2026-11-09+label.wlp=0.1``. A book of the user's own is not at hand; then the ledgers are asked. Each item was rounded
up to a micro-dollar, so each line leaves a narrow range for the price, and the roundest number in the range of all
lines is taken.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from raydoa.costs.book_files import open_book, shipped_books
from raydoa.costs.prices import PriceBook
from raydoa.costs.tariffs import MICRO
from raydoa.costs.vectorized import unit_gpu_seconds
from raydoa.report.cost_items import ReportedItem, items_there

LABEL, GPU_HOUR = "label", "gpu_hour"
_SCOPES = {LABEL: ("task", "label"), GPU_HOUR: ("accelerator", "gpu")}
"""Of the prices that differ between cells: by which column, and how a price book's id begins their names."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Price:
    """What some cost items are priced by.

    Attributes:
        name: `label`, `gpu_hour`, or that of a cost item that has a price of its own.
        items: those that move with it.
    """

    name: str
    items: tuple[ReportedItem, ...]

    @property
    def scope(self) -> str | None:
        """The column whose values have a price each; None where there is one for all cells."""
        return _SCOPES.get(self.name, (None, ""))[0]

    @property
    def unit(self) -> str:
        """What it is the price of, in the singular."""
        return "GPU-hour" if self.name == GPU_HOUR else self.items[0].unit

    def names(self, cells: pd.DataFrame) -> pd.Series:
        """How a price book's id and `--price` call each cell's price: ``label.wlp``, ``gpu.a100-40gb``, or its own name."""
        scope, prefix = _SCOPES.get(self.name, (None, ""))
        return pd.Series(self.name, cells.index) if scope is None else prefix + "." + cells[scope]

    def units_per_quantity(self, cells: pd.DataFrame, item: ReportedItem) -> Floats:
        """How much one unit of an item takes of what is priced; nan where it is not known."""
        quantities = cells[item.column].to_numpy()
        if self.name != GPU_HOUR:
            return np.ones(len(cells))
        return unit_gpu_seconds(cells[f"gpu_seconds_{item.name}"].to_numpy(), quantities)

    def usd_per_quantity(self, units: Floats, usd: Floats) -> Floats:
        """Dollars of one unit of an item, out of `units_per_quantity` and this price."""
        return units * usd / 3600 if self.name == GPU_HOUR else units * usd

    def units(self, cells: pd.DataFrame) -> "pd.Series[float]":
        """How much each cell takes of what is priced: labels, GPU-hours, or units of the item."""
        if self.name == GPU_HOUR:
            return cells[[f"gpu_seconds_{item.name}" for item in self.items]].sum(axis=1) / 3600
        return cells[[item.column for item in self.items]].sum(axis=1).astype("float64")

    def paid(self, cells: pd.DataFrame) -> "pd.Series[float]":
        """What each cell pays for that, in dollars."""
        return cells[[f"cost_{item.name}" for item in self.items]].sum(axis=1)

    def now(self, cells: pd.DataFrame) -> float | None:
        """The price in the rows, in dollars; None if they have several, or it is not known."""
        names = self.names(cells).unique()
        if len(names) != 1:
            return None
        written = _in_ids(cells, names[0])
        if written is not None:
            return written
        book = _only_book(cells)
        listed = None if book is None else self._in_book(book, scope_value(names[0]))
        return self._in_ledgers(cells) if listed is None else listed

    def _in_book(self, book: PriceBook, value: str) -> float | None:
        if self.name == LABEL:
            return book.label_usd(value) if value in book.labels else None
        listed = self.name == GPU_HOUR and value in book.accelerators
        return book.gpu_hour_usd(value) if listed else None

    def _in_ledgers(self, cells: pd.DataFrame) -> float | None:
        """The price with the fewest digits that all rows allow, if there is one."""
        units, paid = self.units(cells), self.paid(cells)
        units, paid = units[units > 0], paid[units > 0]
        if paid.empty:
            return None
        if not paid.any():
            return 0.0  # The least price costs a micro-dollar.
        slack = 1e-9 * paid  # What floats add.
        low = float(((paid - len(self.items) / MICRO - slack) / units).max())
        high = float(((paid + slack) / units).min())
        for digits in range(1, 16):
            price = float(f"{(low + high) / 2:.{digits}g}")
            if price > 0 and low <= price <= high:
                return price
        return None


def scope_value(name: str) -> str:
    """The task or accelerator in a price's name; empty where it is that of all cells."""
    return name.partition(".")[2]


def prices_of(cells: pd.DataFrame) -> dict[str, Price]:
    """The prices that rows move with, by name, in the order of their cost items."""
    items: dict[str, list[ReportedItem]] = {}
    for item in items_there(cells):
        items.setdefault(item.priced_by, []).append(item)
    return {name: Price(name, tuple(priced)) for name, priced in items.items()}


def label_usd(cells: pd.DataFrame) -> float | None:
    """Dollars per label of cells of one task; None if that is not one price, or not known."""
    return prices_of(cells)[LABEL].now(cells)


def gpu_hour_usd(cells: pd.DataFrame) -> float | None:
    """Dollars per GPU-hour of cells on one accelerator; None if that is not one price, or not known."""
    return prices_of(cells)[GPU_HOUR].now(cells)


def _in_ids(cells: pd.DataFrame, change: str) -> float | None:
    """The price in the books' ids, if it is in all of them, and the same."""
    changes = [
        dict(part.split("=", 1) for part in str(name).split("+")[1:] if "=" in part)
        for name in cells["prices"].unique()
    ]
    written = {each.get(change) for each in changes}
    text = written.pop() if len(written) == 1 else None
    return None if text is None else float(text)


def _only_book(cells: pd.DataFrame) -> PriceBook | None:
    """The shipped book that all ids change, where they change the same."""
    names = cells["prices"].unique()
    base = str(names[0]).partition("+")[0] if len(names) == 1 else ""
    return open_book(base) if base in shipped_books() else None
