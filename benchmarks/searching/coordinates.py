"""Where a point lies, for peers that want numbers: the same coordinates for all of them."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from raydoa.search.costs import Point
from raydoa.search.space import Space

from .problems import plans_of

Array = NDArray[np.float64]

COLUMNS = ("without teacher", "size", "labels", "u", "epochs")
FIDELITY = len(COLUMNS)
"""The column after these, where it is asked for: the share of the owned labels that are used."""


class Coordinates:
    """Points in the unit cube: whether there is no teacher, its size, labels, U and epochs, all but the first in logs.

    What a point without a teacher has no value for lies in the middle.
    """

    def __init__(self, space: Space) -> None:
        plans = plans_of(space)
        costs = space.costs
        self._costs = costs
        sizes = [math.log(teacher.parameters) for teacher in costs.teachers]
        self._sizes = {
            teacher.name: _share(size, min(sizes), max(sizes))
            for teacher, size in zip(costs.teachers, sizes, strict=True)
        }
        self._labels = math.log(max(1, costs.owned // 8)), math.log(max(p.labels for p in plans))
        self._u = math.log(max(1, space.least_u)), math.log(max(2, *(p.u for p in plans), 2))

    def __call__(self, points: Sequence[Point], *, fidelity: bool = False) -> Array:
        """A row for each point."""
        found = np.array([self._row(point) for point in points])
        return found if fidelity else found[:, :FIDELITY]

    def _row(self, point: Point) -> list[float]:
        labels = _share(math.log(point.labels), *self._labels)
        whole = min(1.0, point.labels / self._costs.owned)
        if not point.teacher:
            return [1.0, 0.5, labels, 0.5, 0.5, whole]
        full = self._costs.full_steps_of(point)
        epochs = max(0.0, 1 + math.log(point.student_steps / full) / math.log(50))
        size = self._sizes[point.teacher]
        return [0.0, size, labels, _share(math.log(point.u), *self._u), epochs, whole]


@lru_cache(maxsize=16)
def plan_coordinates(space: Space) -> Array:
    """Of the space's plans, kept."""
    return Coordinates(space)(plans_of(space))


def _share(value: float, least: float, most: float) -> float:
    return min(1.0, max(0.0, (value - least) / max(1e-9, most - least)))
