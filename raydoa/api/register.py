"""New strategies, cost items, model families and label sources, from a script.

A package registers its own in every process through an entry point (`raydoa.plugins`), which is what runs on Ray need:
a worker does not run the script that called these functions.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raydoa.costs.items.item import CostItem
    from raydoa.labels.source import LabelSource
    from raydoa.models.family import Family
    from raydoa.strategies.strategy import Strategy


def register_strategy(strategy: "Strategy") -> None:
    """Add a way to spend a budget, which `Grid.strategies` can name.

    Raises:
        ValueError: there is one of that name.
    """
    from raydoa.strategies import STRATEGIES

    STRATEGIES.register(strategy)


def register_cost_item(item: "CostItem", before: str | None = None) -> None:
    """Add something that money is spent on; it is paid before the item called ``before``, or last.

    Raises:
        ValueError: there is one of that name.
    """
    from raydoa.costs.items import ITEMS

    ITEMS.register(item, before)


def register_family(family: "Family") -> None:
    """Add an architecture of models.

    Raises:
        ValueError: there is one of that name.
    """
    from raydoa.models import FAMILIES

    FAMILIES.register(family)


def register_label_source(source: "LabelSource") -> None:
    """Add a source of labels.

    Raises:
        ValueError: there is one of that name.
    """
    from raydoa.labels import SOURCES

    SOURCES.register(source)
