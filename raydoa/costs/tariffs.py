"""What a unit costs, exactly: whole micro-dollars, rounded up per item.

The arithmetic between a price as written (0.26) and a cost is exact, so a budget is a ceiling to the last digit, and the
same quantities at the same prices are the same dollars on every machine.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

MICRO = 1_000_000
NO_LIMIT = 10**18
"""More units than anybody buys."""


def exact(value: float) -> Fraction:
    """The number as written: 0.26 is 26/100, not the binary fraction nearest to it."""
    return Fraction(repr(value))


def micro_budget(budget_usd: float) -> int:
    """A budget in whole micro-dollars, rounded down."""
    return math.floor(exact(budget_usd) * MICRO)


def largest(least: int, most: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to ``most`` that fits, if whatever is less fits as well; ``least`` if none above it does."""
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if fits(middle) else (least, middle - 1)
    return least


@dataclass(frozen=True)
class Tariff:
    """The price of a unit of a cost item.

    Attributes:
        item: the cost item's name.
        unit: what is counted.
        unit_gpu_seconds: GPU-seconds of a unit; None for what is bought.
        unit_price_usd: dollars per unit; 0 is a price where it is stated.
        basis: where the GPU-seconds come from: measured, estimated or scaled; None for what is bought. Of an LLM's rows, who
            says the price of its tokens.
        likely_price_usd: of a unit whose price is the highest that it can cost, what it likely costs; else None.
        detail: what else rows keep of the price, by name.
    """

    item: str
    unit: str
    unit_gpu_seconds: float | None
    unit_price_usd: float
    basis: str | None = None
    likely_price_usd: float | None = None
    detail: tuple[tuple[str, str | float], ...] = ()

    def micro_usd(self, quantity: int) -> int:
        """Micro-dollars of that many units, rounded up."""
        return -(-quantity * self._numerator // self._denominator)

    @property
    def is_free(self) -> bool:
        """Whether its price is 0, as stated."""
        return self._numerator == 0

    def affordable(self, micro_usd: int) -> int:
        """The most units that cost no more than ``micro_usd``; none for less than nothing."""
        if micro_usd < 0:
            return 0
        if self.is_free:
            return NO_LIMIT
        return micro_usd * self._denominator // self._numerator

    @cached_property
    def _numerator(self) -> int:
        return (exact(self.unit_price_usd) * MICRO).numerator

    @cached_property
    def _denominator(self) -> int:
        return (exact(self.unit_price_usd) * MICRO).denominator


def compute_tariff(
    item: str, unit: str, unit_gpu_seconds: float, gpu_hour_usd: float, basis: str | None
) -> Tariff:
    """The tariff of a unit of computing at a price per GPU-hour."""
    return Tariff(item, unit, unit_gpu_seconds, unit_gpu_seconds * gpu_hour_usd / 3600, basis)
