"""Kinds of trainings: most are usual, a few went wrong, and a few have had far more luck, good or bad.

A kind is drawn for each measurement beside the shapes of the laws (Gibbs sampling): one score that is far too low may
be of a bad plan in some draws and of a training that went wrong in others, and only another measurement tells.
"""

import numpy as np
from numpy.typing import NDArray

from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.special import softmax

Kinds = NDArray[np.int8]
"""Of each measurement, by draw: an index of the tables below; 0 is usual ``[draws, measurements]``."""

SHARE = np.array([0.92, 0.03, 0.05])
"""How many trainings are of each kind: guesses, as all of these numbers are."""
LOSS = np.array([0.0, 0.1, 0.0])
"""What the score of such a training lacks, on average."""
LOSS_VARIANCE = np.array([0.0, 0.06**2, 0.0])
NOISE = np.array([1.0, 1.0, 25.0])
"""How many times as large as usual the variance of its luck is."""


def extended(kinds: Kinds, count: int) -> Kinds:
    """The same for more measurements; the new ones are usual."""
    new = np.zeros((len(kinds), count - kinds.shape[1]), dtype=np.int8)
    return np.concatenate([kinds, new], axis=1)


def drawn(random: np.random.Generator, likelihood: Array) -> Kinds:
    """Kinds by their log-likelihoods ``[draws, measurements, kinds]``; all at once, as if none depended on another."""
    edges = softmax(likelihood, axis=2).cumsum(axis=2)[..., :-1]
    kinds: Kinds = (random.random(likelihood.shape[:2])[..., None] > edges).sum(
        axis=2, dtype=np.int8
    )
    return kinds
