"""What finished sweeps teach about tasks that are not measured yet.

Each finished task is fitted on its own; the prior of another task is the mean and spread over them, where the wide
guesses of `Prior()` count as a few tasks more. So one sweep moves the belief a little, and ten that agree narrow it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

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
    """What is known before a search or a plan begins: measurements of the task itself, and what others have taught."""

    measured: tuple[Measured, ...] = ()
    prior: Prior = field(default_factory=Prior)


def learn(tasks: Sequence[tuple[Sequence[Measured], Question]], source: str) -> Prior:
    """The prior that finished tasks leave.

    Args:
        tasks: of each, what was measured, and the question that it answers.
        source: what they are, for people.

    Raises:
        UserError: nothing was measured.
    """
    if not tasks or not all(measured for measured, _ in tasks):
        raise UserError("prior: found a sweep without a measured cell; a prior needs some of each")
    fits = [Surface(measured, question, effort=_EFFORT) for measured, question in tasks]
    beliefs = [fit.beliefs() for fit in fits]
    guess = Prior()
    shapes = _pooled(
        np.array(guess.means),
        np.array(guess.sds),
        [shapes.mean(axis=0) for shapes, _, _ in beliefs],
        [shapes.var(axis=0) for shapes, _, _ in beliefs],
    )
    coefficients = _pooled(
        np.array(guess.coefficient_means),
        np.array(guess.coefficient_sds),
        [means.mean(axis=0) for _, means, _ in beliefs],
        [means.var(axis=0) + inside.mean(axis=0) for _, means, inside in beliefs],
    )
    onset = sum(fit.onset_probability for fit in fits) + guess.onset * _GUESSED_TASKS
    return Prior(*shapes, *coefficients, onset / (len(fits) + _GUESSED_TASKS), source)


def _pooled(
    mean: Array, sd: Array, means: Sequence[Array], variances: Sequence[Array]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation over tasks and guesses; the spread of tasks and each one's own doubt are both in it."""
    count = len(means) + _GUESSED_TASKS
    pooled = (mean * _GUESSED_TASKS + np.sum(means, axis=0)) / count
    spread = (sd**2 + (mean - pooled) ** 2) * _GUESSED_TASKS
    spread += np.sum([v + (m - pooled) ** 2 for m, v in zip(means, variances, strict=True)], axis=0)
    return tuple(pooled.tolist()), tuple(np.sqrt(spread / count).tolist())


def from_json(text: str) -> Prior:
    """A prior as JSON has its fields."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(text).items()
    }
    return Prior(**values)


@cache
def shipped() -> Prior:
    """The prior that comes with raydoa, from the sweeps that its `source` names."""
    return from_json(resources.files("raydoa.search").joinpath("prior.json").read_text("utf-8"))
