"""Where a plan lies, for peers that want numbers: the same coordinates for all of them."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from raydoa.costs.plan import Plan
from raydoa.search.space import Space

from .prices import epochs_share, labels_of
from .problems import plans_of

Array = NDArray[np.float64]

COLUMNS = ("without teacher", "size", "labels", "u", "epochs")
FIDELITY = len(COLUMNS)
"""The column after these, where it is asked for: the share of the owned labels that are used."""


class Coordinates:
    """Plans in the unit cube: whether there is no teacher, its size, labels, U and epochs, all but the first in logs.

    What a plan without a teacher has no value for lies in the middle.
    """

    def __init__(self, space: Space) -> None:
        plans, question = plans_of(space), space.question
        self._question = question
        sizes = {name: math.log(size) for name, size in question.sizes.items()}
        least, most = min(sizes.values()), max(sizes.values())
        self._sizes = {name: _share(size, least, most) for name, size in sizes.items()}
        self._labels = math.log(max(1, question.n // 8)), math.log(max(map(labels_of, plans)))
        largest = max(plan.quantity("pseudo_labels") for plan in plans)
        self._u = math.log(max(1, question.shard_rows)), math.log(max(2, largest))

    def __call__(self, plans: Sequence[Plan], *, fidelity: bool = False) -> Array:
        """A row for each plan."""
        rows = np.array([self._row(plan) for plan in plans])
        return rows if fidelity else rows[:, :FIDELITY]

    def _row(self, plan: Plan) -> list[float]:
        teacher = plan.choice("teacher")
        labels = _share(math.log(labels_of(plan)), *self._labels)
        whole = plan.n / self._question.n
        if teacher is None:
            return [1.0, 0.5, labels, 0.5, 0.5, whole]
        share = epochs_share(plan, self._question)
        epochs = max(0.0, 1 + math.log(share) / math.log(50))
        u = _share(math.log(plan.quantity("pseudo_labels")), *self._u)
        return [0.0, self._sizes[teacher], labels, u, epochs, whole]


@lru_cache(maxsize=16)
def plan_coordinates(space: Space) -> Array:
    """Of the space's plans, kept."""
    return Coordinates(space)(plans_of(space))


def _share(value: float, least: float, most: float) -> float:
    return min(1.0, max(0.0, (value - least) / max(1e-9, most - least)))
