"""More labels never lower an expected score, all else being equal.

Laws say so. What they leave (the residual) does not: it bends with the luck of a few measurements, and beyond the last
of them a curve that ran above its law falls back to it. So the expected error is read along labels at knots, made to
fall from each to the next, and taken from straight lines between them. Knots are the same for all plans: wherever
something was measured, and in between at steps of the fourth root of two.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from raydoa.search.surrogate.inputs import REFERENCE_LABELS, REFERENCE_ROWS, Array, Inputs

_STEP = 2**0.25
_STRAIGHT = -0.3
"""The exponent of a usual law of labels: in that power of them it is a straight line."""
_AT_ONCE = 2000
"""Points whose covariances with all that was measured are worked out together, by draw: more of them fill the memory."""


@dataclass(frozen=True)
class MoreLabels:
    """Expected errors that never rise with labels.

    Attributes:
        error: expected errors of points, whichever way they bend.
        measured: labels that measurements have learnt from, in units of `REFERENCE_LABELS`.
    """

    error: Callable[[Inputs], Array]
    measured: Array

    def __call__(self, inputs: Inputs) -> Array:
        """The error of each point."""
        if not (len(self.measured) and len(inputs.labels)):
            return self.error(inputs)
        knots = self._knots(float(inputs.labels.max()))
        first, curve_of = inputs.unlike_in_labels()
        curves = self._at(inputs.pick(first), knots)
        falling = np.minimum.accumulate(curves, axis=1)
        at, straight = inputs.labels**_STRAIGHT, knots**_STRAIGHT
        # Powers fall, and np.interp wants what rises.
        return np.array(
            [
                np.interp(-at[point], -straight, falling[curve])
                for point, curve in enumerate(curve_of)
            ]
        )

    def _knots(self, most: float) -> Array:
        """Numbers of labels, rising, from one label to the first knot that is not below ``most``."""
        one = 1 / REFERENCE_LABELS
        count = int(np.ceil(np.log(max(most, one) / one) / np.log(_STEP))) + 1
        steps = one * _STEP ** np.arange(count + 1)
        return np.unique(np.concatenate([steps, self.measured]))

    def _at(self, points: Inputs, knots: Array) -> Array:
        """Errors ``[points, knots]``."""
        count = len(points.labels)
        each = points.pick(np.repeat(np.arange(count), len(knots)))
        labels = np.tile(knots, count)
        gold = np.where(each.gold > 0, labels * REFERENCE_LABELS / REFERENCE_ROWS, 0.0)
        along = replace(each, labels=labels, gold=gold)
        parts = np.array_split(np.arange(len(labels)), -(-len(labels) // _AT_ONCE))
        errors = [self.error(along.pick(part)) for part in parts]
        return np.concatenate(errors).reshape(count, len(knots))
