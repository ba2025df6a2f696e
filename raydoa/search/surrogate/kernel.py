"""How alike two measurements are beside what the laws say of both."""

from collections.abc import Sequence

import numpy as np

from raydoa.search.surrogate.laws import Array, Inputs, Shapes

_AT_ONCE = 20_000


def residual(one: Inputs, two: Inputs, shapes: Shapes) -> Array:
    """What laws leave ``[draws, one, two]``: Matérn 5/2 of `annotate` or of teachers, and each model's own."""
    first, second = _positions(one), _positions(two)
    square = ((first[:, None, :] - second[None, :, :]) ** 2).sum(axis=2)
    distance = np.sqrt(5 * square)
    kind = one.taught[:, None] == two.taught[None, :]
    model = kind & (one.size[:, None] == two.size[None, :])
    height = (shapes.residual * shapes.scale) ** 2
    own = shapes.model_sd**2
    found = np.empty((len(height), *distance.shape))
    # A few draws at a time: all at once leave the processor's cache, and take several times as long.
    step = max(1, _AT_ONCE // max(1, distance.size))
    for start in range(0, len(height), step):
        some = slice(start, start + step)
        scaled = distance / shapes.length[some, None, None]
        smooth = np.exp(-scaled)
        smooth *= 1 + scaled * (1 + scaled / 3)
        smooth *= height[some, None, None] * kind
        found[some] = smooth + own[some, None, None] * model
    return found


def _positions(inputs: Inputs) -> Array:
    """Where a point lies, in natural logarithms."""
    u = np.where(inputs.taught, np.log(np.maximum(inputs.u, 1e-3)), 0.0)
    gold = np.log1p(10 * inputs.gold)
    columns = [np.log(inputs.labels), np.log(inputs.size), u, np.log(inputs.share), gold]
    return np.stack(columns, axis=1)


def same_teacher(teachers: Sequence[tuple[object, ...] | None]) -> Array:
    """1 where two measurements share their teacher, and so its luck."""
    found = np.zeros((len(teachers), len(teachers)))
    for row, teacher in enumerate(teachers):
        for column, other in enumerate(teachers):
            found[row, column] = teacher is not None and teacher == other
    return found
