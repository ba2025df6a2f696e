"""Families of surfaces: how a score comes from labels, teacher, pool and steps.

All are ``1 - error`` with ``error = floor + labels' part joined with the pool's part``. `Power` and `Onset` are laws
that the proposed method knows. `Bottleneck`, `Wobble`, `SharpOnset` and `Crossover` are not among its laws: they ask
what happens when the truth is another one. `annotate` has a curve of its own in all of them.

Parts are given where one can imagine them: at a reference number of labels (the N that are owned, or the same number
for every task), for the largest teacher, at a pool of 10,000.
"""

import math
from dataclasses import dataclass

import numpy as np

from raydoa.costs.plan import Plan
from raydoa.costs.question import Question

from .prices import epochs_share, labels_of

POOL = 10_000
LARGEST = 11e9

_BEND = 0.02
"""Scores near chance: how gently they leave it."""


@dataclass(frozen=True)
class Annotate:
    """The student on gold labels alone: ``floor + part * (labels / reference) ^ -exponent``."""

    floor: float
    part: float
    exponent: float


@dataclass(frozen=True)
class Power:
    """``error = floor + A * S^-g * N^-a + b * U^-c``; a shorter training counts as a smaller pool.

    Attributes:
        question: schedules and teachers.
        reference: the number of labels at which parts hold.
        annotate: the curve without a teacher.
        floor: error with endless labels and pool.
        part: error that the labels leave.
        size_exponent: g, may be 0: the teacher's size changes nothing.
        exponent: a, may be near 0: more labels change little.
        pool_part: error that the pool leaves.
        pool_exponent: c.
        epochs_exponent: half of the recipe's epochs count as a pool of 2^-this.
        gold_weight: pool rows that a bought label is worth to the student.
        chance: the score of a model that learnt nothing.
    """

    question: Question
    reference: float
    annotate: Annotate
    floor: float
    part: float
    size_exponent: float
    exponent: float
    pool_part: float
    pool_exponent: float
    epochs_exponent: float
    gold_weight: float
    chance: float

    def __call__(self, plan: Plan) -> float:
        """The expected score."""
        above = (1 - self.error(plan) - self.chance) / _BEND
        return self.chance + _BEND * float(np.logaddexp(0, above))

    def error(self, plan: Plan) -> float:
        """What is missing to 1."""
        teacher, labels = plan.choice("teacher"), labels_of(plan)
        if teacher is None:
            curve = self.annotate
            return curve.floor + curve.part * (labels / self.reference) ** -curve.exponent
        size = self.question.sizes[teacher] / LARGEST
        return self.floor + self.join(
            self.from_labels(labels, size), self.from_pool(self.rows(plan))
        )

    def rows(self, plan: Plan) -> float:
        """Pool rows that the student's training comes to."""
        epochs = epochs_share(plan, self.question)
        gold = self.gold_weight * plan.quantity("labels")
        return (plan.quantity("pseudo_labels") + gold) * epochs**self.epochs_exponent

    def from_labels(self, labels: int, size: float) -> float:
        """The teacher's error, above the floor."""
        return self.part * size**-self.size_exponent * (labels / self.reference) ** -self.exponent

    def from_pool(self, rows: float) -> float:
        """What the student does not learn of the teacher."""
        return self.pool_part * (rows / POOL) ** -self.pool_exponent

    def join(self, labels: float, pool: float) -> float:
        """Both parts together."""
        return labels + pool


@dataclass(frozen=True)
class Onset(Power):
    """The labels' part is ``A * S^-g / (1 + (labels / n0)^d)``: a teacher is worth little below n0 labels."""

    onset: float = 1.0
    steepness: float = 2.0

    def from_labels(self, labels: int, size: float) -> float:
        """The teacher's error, above the floor."""
        share = labels / (self.onset * self.reference)
        return self.part * size**-self.size_exponent / (1 + share**self.steepness)


@dataclass(frozen=True)
class SharpOnset(Power):
    """A logistic step in the number of labels itself, a few per cent wide, where the teacher begins to work."""

    onset: float = 1.0
    width: float = 0.1

    def from_labels(self, labels: int, size: float) -> float:
        """The teacher's error, above the floor."""
        past = (labels / (self.onset * self.reference) - 1) / self.width
        step = 1 / (1 + math.exp(min(50.0, past)))
        return super().from_labels(labels, size) * 0.5 + 0.5 * step


@dataclass(frozen=True)
class Bottleneck(Power):
    """The larger part counts, by a p-norm: a larger pool does nothing for a bad teacher."""

    norm: float = 4.0

    def join(self, labels: float, pool: float) -> float:
        """Both parts together."""
        return float((labels**self.norm + pool**self.norm) ** (1 / self.norm))


@dataclass(frozen=True)
class Wobble(Power):
    """A power law with waves along the logarithms of labels and pool."""

    height: float = 0.01
    frequency: float = 3.0
    phases: tuple[float, float] = (0.0, 0.0)

    def from_labels(self, labels: int, size: float) -> float:
        """The teacher's error, above the floor."""
        wave = math.sin(self.frequency * math.log(labels) + self.phases[0] + math.log(size))
        return super().from_labels(labels, size) + self.height * wave

    def from_pool(self, rows: float) -> float:
        """What the student does not learn of the teacher."""
        wave = math.sin(self.frequency * math.log(rows) + self.phases[1])
        return super().from_pool(rows) + self.height * wave


@dataclass(frozen=True)
class Crossover(Power):
    """Below some number of labels the larger teacher is the worse one: it cannot be trained on so few."""

    crossing: float = 1.0

    def from_labels(self, labels: int, size: float) -> float:
        """The teacher's error, above the floor."""
        turn = math.tanh(1.5 * math.log(labels / (self.crossing * self.reference)))
        return (
            self.part
            * size ** (-self.size_exponent * turn)
            * (labels / self.reference) ** -self.exponent
        )
