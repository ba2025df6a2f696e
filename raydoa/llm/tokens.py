"""Tokens of a call by kind, and their price: whole micro-dollars per million, so that a price below a dollar is exact."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

PER = 1_000_000


@dataclass(frozen=True)
class Usage:
    """Tokens of one call or of many. ``input`` does not count the ``cached`` ones; ``output`` includes thinking."""

    input: int = 0
    cached: int = 0
    output: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input + other.input, self.cached + other.cached, self.output + other.output
        )


@dataclass(frozen=True)
class TokenRates:
    """Whole micro-dollars per million tokens of each kind."""

    input: int
    cached: int
    output: int

    def micro_usd(self, usage: Usage) -> int:
        """What a call costs, in whole micro-dollars, rounded up."""
        parts = usage.input * self.input + usage.cached * self.cached + usage.output * self.output
        return -(-parts // PER)

    @property
    def is_free(self) -> bool:
        """Whether nobody is paid for a token."""
        return self == self.free()

    @classmethod
    def free(cls) -> Self:
        """Of a model whose tokens nobody is paid for."""
        return cls(0, 0, 0)


def rate_of(usd_per_million: float) -> int:
    """A price as written, such as 0.15 dollars per million tokens, in whole micro-dollars per million.

    Raises:
        ValueError: it has more than six decimals.
    """
    rate = Fraction(repr(usd_per_million)) * PER
    if rate.denominator != 1:
        raise ValueError("dollars per million tokens have at most six decimals")
    return int(rate)
