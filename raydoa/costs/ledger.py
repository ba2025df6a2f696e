"""What a plan costs, item by item: quantity x unit price.

The sum of the lines is the total, to the micro-dollar. Pretraining is no line: a pretrained model is owned at the start,
like the first N labels.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from raydoa.costs.prices import PriceBook
from raydoa.costs.tariffs import MICRO, Tariff


@dataclass(frozen=True)
class LineItem:
    """A quantity at its tariff; or at what it was settled for, in micro-dollars, where the tariff is only a bound of that."""

    tariff: Tariff
    quantity: int
    settled_micro_usd: int | None = None

    @property
    def item(self) -> str:
        """The cost item's name."""
        return self.tariff.item

    @property
    def cost_micro_usd(self) -> int:
        """Whole micro-dollars, rounded up."""
        if self.settled_micro_usd is not None:
            return self.settled_micro_usd
        return self.tariff.micro_usd(self.quantity)

    @property
    def cost_usd(self) -> float:
        """Dollars."""
        return self.cost_micro_usd / MICRO

    @property
    def gpu_seconds(self) -> float:
        """GPU-seconds; 0 for what is bought."""
        return self.quantity * (self.tariff.unit_gpu_seconds or 0.0)


@dataclass(frozen=True)
class Ledger:
    """The lines of a plan, one per cost item that it has; every item in full, wherever its artifacts come from."""

    lines: tuple[LineItem, ...] = ()

    @property
    def cost_micro_usd(self) -> int:
        """The total in whole micro-dollars."""
        return sum(line.cost_micro_usd for line in self.lines)

    @property
    def cost_usd(self) -> float:
        """The total in dollars: the standalone cost."""
        return self.cost_micro_usd / MICRO

    @property
    def gpu_seconds(self) -> float:
        """GPU-seconds of all lines."""
        return math.fsum(line.gpu_seconds for line in self.lines)

    def line(self, item: str) -> LineItem | None:
        """The line of a cost item, if the plan has any of it."""
        return next((line for line in self.lines if line.item == item), None)

    def settled(self, micro_usd: Mapping[str, int]) -> "Ledger":
        """The same with what some items were settled for, in micro-dollars."""
        return Ledger(
            tuple(replace(line, settled_micro_usd=micro_usd.get(line.item)) for line in self.lines)
        )

    def kgco2e(self, book: PriceBook, accelerator: str, region: str) -> float:
        """GPU-hours x rated power x PUE x grid intensity."""
        return self.gpu_seconds / 3600 * book.kgco2e_per_gpu_hour(accelerator, region)

    def columns(self, items: Iterable[str]) -> dict[str, float]:
        """Columns of a result row: dollars and planned GPU-seconds of each of ``items``, and `cost_total`."""
        lines = {item: self.line(item) for item in items}
        costs = {f"cost_{item}": line.cost_usd if line else 0.0 for item, line in lines.items()}
        seconds = {
            f"gpu_seconds_{item}": line.gpu_seconds if line else 0.0 for item, line in lines.items()
        }
        return {**costs, "cost_total": self.cost_usd, **seconds}
