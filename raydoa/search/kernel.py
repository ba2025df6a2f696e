"""How alike two measurements are beside what the laws say of both."""

from collections.abc import Sequence

import numpy as np

from raydoa.search.laws import Array, Inputs, Shapes


def residual(one: Inputs, two: Inputs, shapes: Shapes) -> Array:
    """What laws leave ``[draws, one, two]``: Matérn 5/2 of `annotate` or of teachers, and each model's own."""
    first, second = _positions(one), _positions(two)
    square = ((first[:, None, :] - second[None, :, :]) ** 2).sum(axis=2)
    distance = np.sqrt(5 * square)[None] / shapes.length[:, None, None]
    kind = (one.taught[:, None] == two.taught[None, :])[None]
    height = (shapes.residual * shapes.scale)[:, None, None] ** 2
    smooth = height * kind * (1 + distance + distance**2 / 3) * np.exp(-distance)
    model = kind & (one.size[:, None] == two.size[None, :])[None]
    return np.asarray(smooth + shapes.model_sd[:, None, None] ** 2 * model)


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
