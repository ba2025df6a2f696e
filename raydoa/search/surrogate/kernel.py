"""How alike two measurements are beside what the laws say of both."""

from collections.abc import Hashable, Sequence

import numpy as np

from raydoa.search.surrogate.inputs import Array, Inputs
from raydoa.search.surrogate.laws import Shapes

_AT_ONCE = 20_000
_UNKNOWN = 0.4
"""Deviation of what no law knows, in shares of the error that learning can move: a plugin's item may be worth much."""


def residual(one: Inputs, two: Inputs, shapes: Shapes) -> Array:
    """What laws leave ``[draws, one, two]``: Matérn 5/2 within each kind of plan, and each model's own."""
    first, second = _positions(one), _positions(two)
    square = ((first[:, None, :] - second[None, :, :]) ** 2).sum(axis=2)
    distance = np.sqrt(5 * square)
    kind = one.kind[:, None] == two.kind[None, :]
    model = kind & (one.size[:, None] == two.size[None, :])
    height = (shapes.residual * shapes.scale) ** 2
    unknown = kind & one.unknown[:, None]
    wider = np.square(_UNKNOWN / shapes.residual)
    own = shapes.model_sd**2
    covariance = np.empty((len(height), *distance.shape))
    # A few draws at a time: all at once leave the processor's cache, and take several times as long.
    step = max(1, _AT_ONCE // max(1, distance.size))
    for start in range(0, len(height), step):
        some = slice(start, start + step)
        scaled = distance / shapes.length[some, None, None]
        smooth = np.exp(-scaled)
        smooth *= 1 + scaled * (1 + scaled / 3)
        smooth *= height[some, None, None] * kind
        if unknown.any():
            smooth *= np.where(unknown, wider[some, None, None], 1.0)
        covariance[some] = smooth + own[some, None, None] * model
    return covariance


def variance(inputs: Inputs, shapes: Shapes) -> Array:
    """The diagonal of `residual` ``[draws, plans]``."""
    share = np.where(inputs.unknown, _UNKNOWN, shapes.residual[:, None])
    own: Array = (share * shapes.scale[:, None]) ** 2 + shapes.model_sd[:, None] ** 2
    return own


def _positions(inputs: Inputs) -> Array:
    """Where a plan lies, in natural logarithms."""
    u = np.where(inputs.taught, np.log(np.maximum(inputs.u, 1e-3)), 0.0)
    gold = np.log1p(10 * inputs.gold)
    columns = [np.log(inputs.labels), np.log(inputs.size), u, np.log(inputs.share), gold]
    return np.concatenate([np.stack(columns, axis=1), inputs.others], axis=1)


def same_teacher(teachers: Sequence[Hashable | None]) -> Array:
    """1 where two measurements share their teacher, and so its luck."""
    same = np.zeros((len(teachers), len(teachers)))
    for row, teacher in enumerate(teachers):
        for column, other in enumerate(teachers):
            same[row, column] = teacher is not None and teacher == other
    return same
