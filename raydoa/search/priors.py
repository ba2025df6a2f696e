"""What finished sweeps teach about tasks that are not measured yet.

Each finished task is fitted on its own; the prior of another task is the mean and spread over them, where the wide
guesses of `Prior()` count as a few tasks more. So one sweep moves the belief a little, and ten that agree narrow it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
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


def write(prior: Prior, path: Path) -> None:
    """Write what `read` reads."""
    path.write_text(json.dumps(asdict(prior), indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Prior:
    """Read a prior.

    Raises:
        UserError: the file is missing, or is not a prior of this version.
    """
    try:
        return _prior(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as problem:
        raise UserError(f"{path}: {problem}; expected a prior as raydoa writes it") from None


@cache
def shipped() -> Prior:
    """The prior that comes with raydoa, from the sweeps that its `source` names."""
    return _prior(resources.files("raydoa.search").joinpath("prior.json").read_text("utf-8"))


def _prior(text: str) -> Prior:
    values: Any = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"found {type(values).__name__}")
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    prior = Prior(**fields)
    guess = Prior()
    for name in ("means", "sds", "coefficient_means", "coefficient_sds"):
        if len(getattr(prior, name)) != len(getattr(guess, name)):
            raise ValueError(f"{name}: found {len(getattr(prior, name))} numbers")
    return prior
