"""Places on a logarithmic axis of numbers from 0 up: what is free has no logarithm, and stands on the left of all else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

_APART = 4.0
"""The least number above 0 over where 0 stands."""
_NO_TICK = 0.15
"""Other ticks are more than this share of the base times to the right of that of 0, so that their texts stand apart."""


@dataclass(frozen=True)
class LogPlaces:
    """Where numbers stand.

    Attributes:
        low, high: the least and the most above 0; where there is none, both are where 0 stands.
        zero: where 0 stands; None where it is none of them.
    """

    low: float
    high: float
    zero: float | None = None

    @classmethod
    def of(cls, numbers: ArrayLike) -> "LogPlaces":
        """Places for these numbers, none of them negative."""
        given = np.asarray(numbers, dtype=np.float64)
        above = given[given > 0]
        if not len(above):
            return cls(1.0, 1.0, 1.0)
        low, high = float(above.min()), float(above.max())
        return cls(low, high, low / _APART if (given == 0).any() else None)

    @property
    def left(self) -> float:
        """Where the first of them stands."""
        return self.low if self.zero is None else self.zero

    def __call__(self, numbers: ArrayLike) -> NDArray[np.float64]:
        """Where each number stands."""
        given = np.asarray(numbers, dtype=np.float64)
        return given if self.zero is None else np.where(given == 0, self.zero, given)

    def mark(
        self, side: Axis, text: Callable[[float], str], steps: Sequence[float] = (1.0,), base: float = 10.0,
        most: int | None = None,
    ) -> None:  # fmt: skip
        """Ticks at 0 and at ``steps`` of each power of the base, about ``most`` of them, with a text at each."""

        def written(place: float, _: int | None) -> str:
            return text(0.0 if place == self.zero else place)

        side.set_major_locator(_Ticks(self.zero, steps, base, most))
        side.set_major_formatter(FuncFormatter(written))
        side.set_minor_formatter(NullFormatter())


class _Ticks(LogLocator):
    def __init__(
        self, zero: float | None, steps: Sequence[float], base: float, most: int | None
    ) -> None:
        super().__init__(base=base, subs=steps, numticks=most)
        self._zero, self._next = zero, _NO_TICK * base

    def __call__(self) -> list[float]:
        ticks = [float(tick) for tick in super().__call__()]
        if self._zero is None:
            return ticks
        return [self._zero, *(tick for tick in ticks if tick > self._next * self._zero)]
