"""The cost items of a table of rows: what the registry says of them, or a neutral word where a plugin is not installed."""

from collections.abc import Iterable
from dataclasses import dataclass

from raydoa.costs.items import ITEMS
from raydoa.experiment.result_row import items_in, quantity_column


@dataclass(frozen=True)
class ReportedItem:
    """What a report needs of a cost item; see `raydoa.costs.items.CostItem`."""

    name: str
    title: str
    unit: str
    priced_by: str

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


def reported_item(name: str) -> ReportedItem:
    """A cost item by its name, registered or not."""
    if name not in ITEMS:
        return ReportedItem(name, name.replace("_", " "), "unit", name)
    item = ITEMS.get(name)
    return ReportedItem(name, item.title, item.unit, item.priced_by)
