"""How strategies are called and drawn: what the registry says, or neutral words where a plugin is not installed."""

from dataclasses import dataclass

from raydoa.report.cost_items import bought_in
from raydoa.strategies import STRATEGIES
from raydoa.strategies.strategy import Strategy, TableRow


@dataclass(frozen=True)
class UnregisteredStrategy:
    """What a report needs of a `raydoa.strategies.Strategy`, for a name of which nothing else is known."""

    name: str
    colour: str | None = "#555555"
    marker: str = "X"
    is_baseline: bool = False

    def order(self, row: TableRow) -> str:
        """See `Strategy.order`."""
        return f"use {self.name}"

    def reaches(self, row: TableRow) -> str:
        """See `Strategy.reaches`."""
        return f"{self.name} reaches"

    def bought(self, row: TableRow) -> str:
        """See `Strategy.bought`."""
        return " ".join(f"{quantity:,} {item.title}" for item, quantity in bought_in(row))


def strategy_of(name: str) -> Strategy | UnregisteredStrategy:
    """A strategy by its name, registered or not."""
    return STRATEGIES.get(name) if name in STRATEGIES else UnregisteredStrategy(name)
