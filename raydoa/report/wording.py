"""How numbers and sentences are written: one source for the library and for the page, whose script fills the same templates.

A template has named slots: ``{cost:dollars}`` is the number ``cost``, written by the format ``dollars``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NumberFormat:
    """How a number is written.

    Attributes:
        digits: for numbers from so much on, the largest first: how many digits there may be after the point. The first
            that give the number exactly are taken, or else the last.
        significant: to how many digits it is rounded before; None for all.
        scale: what it is multiplied with.
        before: what stands before it.
        thousands: what stands between them.
    """

    digits: tuple[tuple[float, tuple[int, ...]], ...]
    significant: int | None = None
    scale: int = 1
    before: str = ""
    thousands: str = ","

    def __call__(self, number: float) -> str:
        """The number as text."""
        value = self.scale * number
        if self.significant is not None:
            value = float(f"{value:.{self.significant}g}")
        allowed = next((kept for least, kept in self.digits if value >= least), self.digits[-1][1])
        kept = next((kept for kept in allowed if value == round(value, kept)), allowed[-1])
        return self.before + f"{value:,.{kept}f}".replace(",", self.thousands)


_CENTS = ((1, (0, 2, 3, 4, 5)), (0, tuple(range(2, 13))))

FORMATS: Mapping[str, NumberFormat] = {
    "count": NumberFormat(((0, (0,)),)),
    "points": NumberFormat(((0, (1,)),), scale=100),
    "hundredths": NumberFormat(((0, (2,)),), scale=100),
    "quantity": NumberFormat(((0, tuple(range(13))),), significant=4),
    # Whole dollars where they are whole, cents from ten cents up, and what is below cents where it matters.
    "dollars": NumberFormat(((100, (0,)), (1, (0, 2)), (0.1, (2,)), (0, (2, 4))), before="$"),
    "micro_dollars": NumberFormat(((0, (6,)),), before="$"),
    "price": NumberFormat(_CENTS, significant=6, before="$"),
    "rounded_price": NumberFormat(_CENTS, significant=3, before="$"),
    # In the id of a price book, out of which it is read again.
    "change": NumberFormat(((0, tuple(range(18))),), thousands=""),
}
dollars, points, price = FORMATS["dollars"], FORMATS["points"], FORMATS["price"]

SCORE_AXIS = "score (points of 100)"
"""What figures and the page call their axis of scores."""

_SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")


def fill(template: str, values: Mapping[Any, Any]) -> str:
    """The template with its slots filled."""

    def written(slot: re.Match[str]) -> str:
        value = values[slot[1]]
        return FORMATS[slot[2]](value) if slot[2] else str(value)

    return _SLOT.sub(written, template)


def percent(chance: float) -> str:
    """A probability as whole percent, cut off: what is below 95% never reads 95%."""
    return f"{int(100 * chance)}%"
