"""Functions of `scipy.special`, which is imported when one of them is first called.

The import takes a third of a second, and a plan for which nothing was measured calls none of them.
"""

from typing import Any

import numpy as np

from raydoa.search.surrogate.inputs import Array


def expit(value: Any) -> Array:
    """The logistic function."""
    from scipy import special

    return np.asarray(special.expit(value))


def log_ndtr(value: Any) -> Array:
    """The logarithm of the normal distribution's cumulative probability."""
    from scipy import special

    return np.asarray(special.log_ndtr(value))


def logsumexp(value: Any, axis: int | None = None) -> Any:
    """The logarithm of a sum, of terms that are logarithms."""
    from scipy import special

    return special.logsumexp(value, axis=axis)


def softmax(value: Any, axis: int) -> Array:
    """Shares, of weights that are logarithms."""
    from scipy import special

    return np.asarray(special.softmax(value, axis=axis))
