"""The cost items of a table of rows: what the registry says of them, or a neutral word where a plugin is not installed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydoa.costs.items import ITEMS
from raydoa.experiment.result_row import items_in, quantity_column

if TYPE_CHECKING:
    import pandas as pd

_QUANTITY = "quantity_"
"""Begins the column of an item that nobody has registered."""


@dataclass(frozen=True)
class ReportedItem:
    """What a report needs of a cost item; see `raydoa.costs.items.CostItem`."""

    name: str
    title: str
    unit: str
    priced_by: str
    model: str | None = None

    @property
    def column(self) -> str:
        """Of its quantity."""
        return quantity_column(self.name)


def item_names(columns: Iterable[object]) -> list[str]:
    """The cost items of a table or row with these columns, in the order in which their money is spent."""
    return items_in(str(name) for name in columns)


def quantity_columns(columns: Iterable[object]) -> list[str]:
    """The columns that hold the quantities of those."""
    return [quantity_column(name) for name in item_names(columns)]


def reported_items(columns: Iterable[object]) -> list[ReportedItem]:
    """`item_names`, described."""
    return [reported_item(name) for name in item_names(columns)]


def items_there(cells: "pd.DataFrame") -> list[ReportedItem]:
    """Those that are worth a word: of which some row has any, or that every question knows."""
    return [
        item
        for item in reported_items(cells)
        if (item.name in ITEMS and ITEMS.get(item.name).in_laws) or (cells[item.column] > 0).any()
    ]


def bought_in(row: Mapping[Any, Any]) -> list[tuple[ReportedItem, int]]:
    """What a row, of cells or of plans, has some of, and how many."""
    own = (str(column) for column in row if str(column).startswith(_QUANTITY))
    names = {quantity_column(name): name for name in ITEMS.names()}
    names |= {column: column.removeprefix(_QUANTITY) for column in own if column not in names}
    return [
        (reported_item(name), int(row[column])) for column, name in names.items() if row.get(column)
    ]


def reported_item(name: str) -> ReportedItem:
    """A cost item by its name, registered or not."""
    if name not in ITEMS:
        return ReportedItem(name, name.replace("_", " "), "unit", name)
    item = ITEMS.get(name)
    return ReportedItem(name, item.title, item.unit, item.priced_by, item.model)
