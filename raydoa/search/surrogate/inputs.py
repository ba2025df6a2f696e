"""Plans as numbers.

The laws know gold rows, a teacher, the pool rows that it labels and how long the student trains (`CostItem.in_laws`).
Whatever else a plan has makes it one of another kind, with a coordinate for each such item's quantity. Labels count by
their number: how many of them are owned says nothing of what they teach.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import gold_rows
from raydoa.costs.items.student import trained_share
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question

Array = NDArray[np.float64]

REFERENCE_LABELS = 500.0
"""The middle of what people own who ask, 50 to 5,000 labels, in logarithms."""
REFERENCE_ROWS = 1000.0
_LEAST = 1e-3
_DIGITS = 6


@dataclass(frozen=True)
class Inputs:
    """Plans as numbers; each is an array ``[plans]`` but one.

    Attributes:
        taught: whether there is a teacher.
        kind: plans of two kinds share no residual.
        labels: gold labels that are learnt from, in units of `REFERENCE_LABELS`.
        size: the teacher's, in units of the teachers' geometric mean.
        u: pool rows, in thousands.
        gold: gold rows that the student of a teacher learns from as well, in thousands.
        share: of the recipe's steps that the student gets.
        others: log1p of the quantities of items that no law knows ``[plans, items]``.
    """

    taught: NDArray[np.bool_]
    kind: Array
    labels: Array
    size: Array
    u: Array
    gold: Array
    share: Array
    others: Array

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Whether a plan has something that no law knows."""
        return np.asarray(self.others.any(axis=1))

    def pick(self, index: NDArray[np.intp]) -> "Inputs":
        """Some of the plans."""
        return Inputs(**{name: values[index] for name, values in vars(self).items()})

    def unlike_in_labels(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Plans that are unlike in more than their labels: a plan of each such kind, and which of these every plan is like."""
        rest = [self.taught, self.kind, self.size, self.u, self.gold > 0, self.share]
        table = np.column_stack([*rest, self.others]).round(_DIGITS)
        _, first, like = np.unique(table, axis=0, return_index=True, return_inverse=True)
        return first, like.reshape(-1)

    @classmethod
    def of(cls, plans: Sequence[Plan], question: Question) -> "Inputs":
        """Encode plans."""
        encoder = _encoder(question)
        rows = [encoder.row(plan) for plan in plans]
        table = np.array(rows, dtype=float).reshape(len(rows), 7 + len(encoder.others))
        taught, kind, labels, size, u, gold, share = table[:, :7].T
        return cls(taught > 0, kind, labels, size, u, gold, share, table[:, 7:])


class _Encoder:
    """Rows of numbers, kept: a search encodes the same thousands of plans at every step."""

    def __init__(self, question: Question) -> None:
        self._question = question
        sizes = list(question.sizes.values())
        self._middle = math.exp(math.fsum(map(math.log, sizes)) / len(sizes)) if sizes else 1.0
        self._rows: dict[Plan, tuple[float, ...]] = {}
        in_laws = [item for item in ITEMS if item.in_laws]
        self._in_laws = {item.name for item in in_laws}
        self._pool = [item.name for item in in_laws if item.brings == "pool"]
        self.others = [item for item in ITEMS.names() if item not in self._in_laws]

    def row(self, plan: Plan) -> tuple[float, ...]:
        """The columns of `Inputs`, in order."""
        row = self._rows.get(plan)
        if row is None:
            row = self._rows[plan] = self._encoded(plan)
        return row

    def _encoded(self, plan: Plan) -> tuple[float, ...]:
        question, teacher = self._question, plan.choice("teacher")
        labels = gold_rows(plan)
        return (
            float(teacher is not None),
            self._kind(plan),
            labels / REFERENCE_LABELS,
            question.sizes[teacher] / self._middle if teacher is not None else 1.0,
            sum(map(plan.quantity, self._pool)) / REFERENCE_ROWS,
            labels / REFERENCE_ROWS if teacher is not None and labels > plan.n else 0.0,
            max(_LEAST, trained_share(plan, question)),
            *(math.log1p(plan.quantity(item)) for item in self.others),
        )

    def _kind(self, plan: Plan) -> int:
        """A number for its choices, which teacher apart, and its items that no law knows."""
        choices = tuple((name, "" if name == "teacher" else value) for name, value in plan.choices)
        items = tuple(item for item, _ in plan.quantities if item not in self._in_laws)
        # The same in every process and for every question: a surface is asked long after it was fitted.
        return zlib.crc32(repr((choices, items)).encode())


@lru_cache(maxsize=16)
def _encoder(question: Question) -> _Encoder:
    return _Encoder(question)
