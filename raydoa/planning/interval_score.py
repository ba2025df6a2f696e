"""How good an interval was: narrow, and around what came."""

import numpy as np

from raydoa.search.surrogate.inputs import Array

OUTSIDE = 0.2
"""The probability that an 80% interval leaves out: half of it on each side."""


def interval_score(low: Array, high: Array, scores: Array) -> Array:
    """The width of an 80% interval, and ten times what it misses a score by (Gneiting and Raftery 2007, equation 43,
    doi 10.1198/016214506000001437); lower is better."""
    missed = np.maximum(low - scores, 0.0) + np.maximum(scores - high, 0.0)
    of_each: Array = high - low + 2 / OUTSIDE * missed
    return of_each
