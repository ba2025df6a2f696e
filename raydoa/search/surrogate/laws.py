"""Scaling laws of the error, as bases of a linear model.

The error (1 - score) of a student is, with S the teacher's parameters, N its labels, U its pool and r the share of
the recipe's steps that the student gets,

    power:     err = E + A S^-g N^-a + b (U r^q)^-c
    onset:     err = E + A S^-g / (1 + (N / n0)^d) + b (U r^q)^-c
    annotate:  err = E + e + A' N^-a'

in units of 500 labels, a thousand pool rows and the teachers' middle size. Power laws of data and model size are those
of arXiv 2001.08361 and 2203.15556; fewer epochs count as a smaller pool, as in arXiv 2305.16264; the onset says that
below some n0 labels a teacher is worth nothing however large it is. Exponents are drawn (`Shapes`); what multiplies a
power is linear and has a normal prior, so the laws' uncertainty is part of the kernel and is never sampled.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raydoa.search.surrogate.inputs import Array, Inputs
from raydoa.search.surrogate.special import expit

COEFFICIENTS = ("E", "A", "b", "e", "A'")
POSITIVE = np.array([False, True, True, False, True])

# What is drawn is log-normal: the median, and the spread of the logarithm.
SHAPES = {
    "scale": (0.4, 0.6),
    "reference": (1.0, 1.0),
    "size_exponent": (0.12, 0.9),
    "label_exponent": (0.35, 0.6),
    "pool_exponent": (0.35, 0.6),
    "annotate_exponent": (0.3, 0.6),
    "epochs_exponent": (0.5, 0.5),
    "onset": (1.0, 2.0),
    "steepness": (3.0, 1.1),
    "gold_rows": (1.0, 0.7),
    "residual": (0.07, 0.8),
    "length": (1.5, 0.4),
    "model_sd": (0.003, 0.6),
    "teacher_sd": (0.007, 0.8),
    "noise_sd": (0.006, 0.8),
    "misfit": (0.05, 0.8),
}
DIMENSIONS = len(SHAPES)
_FARTHEST = 3.5


@dataclass(frozen=True)
class Prior:
    """What is believed of a task before anything of it is measured.

    Attributes:
        means: of the logarithm of each shape, in `SHAPES`' order, in its spreads from its median.
        sds: standard deviations of the same.
        coefficient_means: of the coefficients, in shares of the scale; E's is absolute.
        coefficient_sds: standard deviations of the same.
        onset: probability that the law is one with an onset.
        source: where this comes from, for people.
    """

    means: tuple[float, ...] = (0.0,) * DIMENSIONS
    sds: tuple[float, ...] = (1.0,) * DIMENSIONS
    coefficient_means: tuple[float, ...] = (0.25, 0.4, 0.3, 0.0, 0.7)
    coefficient_sds: tuple[float, ...] = (0.25, 0.35, 0.25, 0.25, 0.45)
    onset: float = 0.5
    source: str = "wide guesses, and no sweep"

    def shapes(self, normal: Array, onset_law: NDArray[np.bool_]) -> "Shapes":
        """Shapes from standard normal draws ``[draws, DIMENSIONS]``."""
        spreads = np.array(self.means) + np.array(self.sds) * normal
        within = np.clip(spreads, -_FARTHEST, _FARTHEST)
        values = {
            name: median * np.exp(spread * within[:, column])
            for column, (name, (median, spread)) in enumerate(SHAPES.items())
        }
        return Shapes(onset_law, **values)

    def coefficients(self, shapes: "Shapes") -> tuple[Array, Array]:
        """Means and standard deviations of the coefficients, each ``[draws, COEFFICIENTS]``."""
        scale = np.repeat(shapes.scale[:, None], len(COEFFICIENTS), axis=1)
        scale[:, 0] = 1.0
        return np.array(self.coefficient_means) * scale, np.array(self.coefficient_sds) * scale


@dataclass(frozen=True)
class Shapes:
    """Draws of all that is not linear; each is an array ``[draws]``.

    ``scale`` is the error that learning can move; ``residual`` is a share of it. ``reference`` is at how many labels the
    coefficients are what they are: how many a task takes is its own. ``length`` is in natural logarithms
    of quantities; ``model_sd`` is what one pretrained model is better than its size tells, ``teacher_sd`` and
    ``noise_sd`` are of single trainings, all in score; ``misfit`` is what laws miss where scores are far below the
    best, as a share of that distance.
    """

    onset_law: NDArray[np.bool_]
    scale: Array
    reference: Array
    size_exponent: Array
    label_exponent: Array
    pool_exponent: Array
    annotate_exponent: Array
    epochs_exponent: Array
    onset: Array
    steepness: Array
    gold_rows: Array
    residual: Array
    length: Array
    model_sd: Array
    teacher_sd: Array
    noise_sd: Array
    misfit: Array

    def pick(self, index: NDArray[np.intp]) -> "Shapes":
        """Some of the draws."""
        return Shapes(**{name: values[index] for name, values in vars(self).items()})


def bases(inputs: Inputs, shapes: Shapes) -> Array:
    """What the coefficients multiply, ``[draws, points, COEFFICIENTS]``."""

    def column(values: NDArray[Any]) -> NDArray[Any]:
        return values[:, None]

    taught = inputs.taught[None, :]
    labels = inputs.labels[None, :]
    relative = labels / column(shapes.reference)
    power = relative ** -column(shapes.label_exponent)
    # Twice, so that the basis is 1 at its reference as the others are.
    onset = 2 * expit(-column(shapes.steepness) * np.log(labels / column(shapes.onset)))
    learnt = np.where(column(shapes.onset_law), onset, power)
    size = inputs.size[None, :] ** -column(shapes.size_exponent)
    # Gold rows are worth more than soft ones; they are rows of the student's training in `mixed`.
    rows = inputs.u[None, :] + column(shapes.gold_rows) * inputs.gold[None, :]
    rows = np.maximum(rows, 1e-3) * inputs.share[None, :] ** column(shapes.epochs_exponent)
    pool = rows ** -column(shapes.pool_exponent)
    annotated = relative ** -column(shapes.annotate_exponent)
    one = np.ones_like(pool)
    return np.stack(
        [
            one,
            np.where(taught, size * learnt, 0.0),
            np.where(taught, pool, 0.0),
            np.where(taught, 0.0, one),
            np.where(taught, 0.0, annotated),
        ],
        axis=-1,
    )
