"""What a cell costs, item by item: quantity x unit price.

Costs are whole micro-dollars, rounded up per item, and the arithmetic between a price as written
(0.26) and its cost is exact. So a budget is a ceiling to the last digit, the sum of the items is
the total, and the same quantities at the same prices give the same dollars on every machine.
Quantities and unit costs are kept beside the dollars: a finished sweep is priced again without
training anything again.

Pretraining is no item: a pretrained model is owned at the start, like the first N labels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, get_args

from raydoa.costs.prices import PriceBook

Stage = Literal["labels", "teacher", "pseudo_labels", "student", "llm"]
STAGES: tuple[Stage, ...] = get_args(Stage)
MICRO = 1_000_000


def exact(value: float) -> Fraction:
    """The number as written: 0.26 is 26/100, not the binary fraction nearest to it."""
    return Fraction(repr(value))


@dataclass(frozen=True)
class Rate:
    """The price of a unit of a stage's work.

    ``unit_gpu_seconds``, and the ``basis`` that they have, are None for what is bought.
    """

    stage: Stage
    unit: str
    unit_gpu_seconds: float | None
    unit_price_usd: float
    basis: str | None = None

    def micro_usd(self, quantity: int) -> int:
        """Micro-dollars of that many units, rounded up."""
        return -(-quantity * self._micro_price.numerator // self._micro_price.denominator)

    def affordable(self, micro_usd: int) -> int:
        """The most units that cost no more than ``micro_usd``."""
        return max(0, micro_usd * self._micro_price.denominator // self._micro_price.numerator)

    @cached_property
    def _micro_price(self) -> Fraction:
        return exact(self.unit_price_usd) * MICRO


def compute_rate(
    stage: Stage, unit: str, unit_gpu_seconds: float, gpu_hour_usd: float, basis: str | None
) -> Rate:
    """The rate of a unit of computing at a price per GPU-hour."""
    return Rate(stage, unit, unit_gpu_seconds, unit_gpu_seconds * gpu_hour_usd / 3600, basis)


@dataclass(frozen=True)
class Item:
    """A quantity of one stage's work at its rate."""

    rate: Rate
    quantity: int

    @property
    def stage(self) -> Stage:
        """The stage that is paid for."""
        return self.rate.stage

    @property
    def cost_micro_usd(self) -> int:
        """Whole micro-dollars, rounded up."""
        return self.rate.micro_usd(self.quantity)

    @property
    def cost_usd(self) -> float:
        """Dollars."""
        return self.cost_micro_usd / MICRO

    @property
    def gpu_seconds(self) -> float:
        """GPU-seconds; 0 for what is bought."""
        return self.quantity * (self.rate.unit_gpu_seconds or 0.0)


@dataclass(frozen=True)
class Ledger:
    """The items of a cell, at most one per stage; every stage once and in full."""

    items: tuple[Item, ...] = ()

    def __post_init__(self) -> None:
        stages = [item.stage for item in self.items]
        assert len(stages) == len(set(stages)), f"a stage is in the ledger twice: {stages}"

    @property
    def cost_micro_usd(self) -> int:
        """The total in whole micro-dollars."""
        return sum(item.cost_micro_usd for item in self.items)

    @property
    def cost_usd(self) -> float:
        """The total in dollars: the standalone cost."""
        return self.cost_micro_usd / MICRO

    @property
    def gpu_seconds(self) -> float:
        """GPU-seconds of all stages."""
        return math.fsum(item.gpu_seconds for item in self.items)

    def item(self, stage: Stage) -> Item | None:
        """The item of ``stage``, if the cell has that stage."""
        return next((item for item in self.items if item.stage == stage), None)

    def basis(self, stage: Stage) -> str | None:
        """Whether the unit cost of ``stage`` was measured, estimated or scaled; None where it took no computing."""
        item = self.item(stage)
        return item.rate.basis if item else None

    def kgco2e(self, book: PriceBook, accelerator: str, region: str) -> float:
        """GPU-hours x rated power x PUE x grid intensity."""
        return self.gpu_seconds / 3600 * book.kgco2e_per_gpu_hour(accelerator, region)

    def repriced(self, book: PriceBook, accelerator: str, task: str) -> "Ledger":
        """The same quantities and GPU-seconds at the prices of ``book``."""
        return Ledger(
            tuple(
                Item(_repriced(item.rate, book, accelerator, task), item.quantity)
                for item in self.items
            )
        )

    def columns(self) -> dict[str, float]:
        """Columns of a result row: dollars and planned GPU-seconds of each stage, `cost_total`."""
        items = {stage: self.item(stage) for stage in STAGES}
        costs = {f"cost_{s}": item.cost_usd if item else 0.0 for s, item in items.items()}
        seconds = {
            f"gpu_seconds_{s}": item.gpu_seconds if item else 0.0 for s, item in items.items()
        }
        return {**costs, "cost_total": self.cost_usd, **seconds}

    def to_json(self) -> list[dict[str, Any]]:
        """The items as plain values, with their dollars for readers; `from_json` reads them."""
        return [
            {**asdict(item.rate), "quantity": item.quantity, "cost_usd": item.cost_usd}
            for item in self.items
        ]

    @classmethod
    def from_json(cls, items: Sequence[Mapping[str, Any]]) -> "Ledger":
        """Read what `to_json` wrote."""
        names = ("stage", "unit", "unit_gpu_seconds", "unit_price_usd", "basis")
        return cls(
            tuple(Item(Rate(*(i[name] for name in names)), int(i["quantity"])) for i in items)
        )


def _repriced(rate: Rate, book: PriceBook, accelerator: str, task: str) -> Rate:
    if rate.unit_gpu_seconds is not None:
        price = book.gpu_hour_usd(accelerator)
        return compute_rate(rate.stage, rate.unit, rate.unit_gpu_seconds, price, rate.basis)
    assert rate.stage == "labels", f"{rate.stage} is bought, and no price book prices it yet"
    return Rate(rate.stage, rate.unit, None, book.label_usd(task))
