"""A measured curve, between and beyond its points."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Curve:
    """Straight lines over the logarithm of a quantity.

    Below the first point the first line goes on. Above the last one the curve is flat: nothing was measured there, and
    a table is to promise nothing that was not measured.
    """

    points: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, values: Mapping[float, float]) -> "Curve":
        """Through these points."""
        return cls(tuple(sorted(values.items())))

    def __call__(self, at: float) -> float:
        """The value there."""
        if at >= self.points[-1][0] or len(self.points) == 1:
            return self.points[-1][1]
        left, right = next(pair for pair in pairwise(self.points) if at < pair[1][0])
        share = math.log(at / left[0]) / math.log(right[0] / left[0])
        return left[1] + share * (right[1] - left[1])


def spread(groups: Sequence[Sequence[float]]) -> float:
    """Standard deviation within groups, all together; groups of one say nothing."""
    squares = freedom = 0.0
    for group in groups:
        mean = sum(group) / len(group)
        squares += sum((value - mean) ** 2 for value in group)
        freedom += len(group) - 1
    return math.sqrt(squares / freedom) if freedom else 0.0
