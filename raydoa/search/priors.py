"""What finished sweeps teach about tasks that are not measured yet.

Each finished task is fitted on its own; the prior of another task is the mean and spread over them, where the wide
guesses of `Prior()` count as a few tasks more. So one sweep moves the belief a little, and ten that agree narrow it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from raydoa.costs.question import Question
from raydoa.errors import UserError
from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.laws import Prior
from raydoa.search.surrogate.posterior import Effort
from raydoa.search.surrogate.surface import Measured, Surface

_GUESSED_TASKS = 3.0
_EFFORT = Effort(draws=1500, kept=128, moves=40)


@dataclass(frozen=True)
class Knowledge:
    """What is known before a search or a plan begins.

    Attributes:
        measured: of the task itself.
        prior: what others have taught; wide guesses, unless given.
        predicts: whether that was shown to predict scores before anything of a task is measured.
    """

    measured: tuple[Measured, ...] = ()
    prior: Prior = field(default_factory=Prior)
    predicts: bool = False


@dataclass(frozen=True)
class Learnt:
    """What finished tasks have taught, each fitted on its own; arrays have a row for each.

    Attributes:
        shapes, shape_variances: of the shapes, in the spreads of `SHAPES` ``[tasks, shapes]``.
        coefficients, coefficient_variances: in shares of the scale ``[tasks, coefficients]``.
        onset: how much of the belief is with laws that have an onset ``[tasks]``.
    """

    shapes: Array
    shape_variances: Array
    coefficients: Array
    coefficient_variances: Array
    onset: Array

    def pick(self, which: Sequence[int]) -> "Learnt":
        """What some of them have taught."""
        return Learnt(**{name: values[list(which)] for name, values in vars(self).items()})

    def prior(self, source: str) -> Prior:
        """The prior that they leave; ``source`` is what they are, for people."""
        guess = Prior()
        shapes = _pooled(guess.means, guess.sds, self.shapes, self.shape_variances)
        coefficients = _pooled(
            guess.coefficient_means,
            guess.coefficient_sds,
            self.coefficients,
            self.coefficient_variances,
        )
        onset = float(self.onset.sum()) + guess.onset * _GUESSED_TASKS
        return Prior(*shapes, *coefficients, onset / (len(self.onset) + _GUESSED_TASKS), source)


def learn(tasks: Sequence[tuple[Sequence[Measured], Question]]) -> Learnt:
    """What finished tasks teach.

    Args:
        tasks: of each, what was measured, and the question that it answers.

    Raises:
        UserError: nothing was measured.
    """
    if not tasks or not all(measured for measured, _ in tasks):
        raise UserError("prior: found a sweep without a measured cell; a prior needs some of each")
    fits = [Surface(measured, question, effort=_EFFORT) for measured, question in tasks]
    beliefs = [fit.beliefs() for fit in fits]
    return Learnt(
        np.stack([shapes.mean(axis=0) for shapes, _, _ in beliefs]),
        np.stack([shapes.var(axis=0) for shapes, _, _ in beliefs]),
        np.stack([means.mean(axis=0) for _, means, _ in beliefs]),
        np.stack([means.var(axis=0) + inside.mean(axis=0) for _, means, inside in beliefs]),
        np.array([fit.onset_probability for fit in fits]),
    )


def _pooled(
    mean: Sequence[float], sd: Sequence[float], means: Array, variances: Array
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation over tasks and guesses; the spread of tasks and each one's own doubt are both in it."""
    guessed, count = np.array(mean), len(means) + _GUESSED_TASKS
    pooled = (guessed * _GUESSED_TASKS + means.sum(axis=0)) / count
    spread = (np.array(sd) ** 2 + (guessed - pooled) ** 2) * _GUESSED_TASKS
    spread += (variances + (means - pooled) ** 2).sum(axis=0)
    return tuple(pooled.tolist()), tuple(np.sqrt(spread / count).tolist())
