"""How sure soft labels may be: one temperature T for all classes, fitted on rows with targets.

T minimises the negative log-likelihood (NLL) of the targets under ``softmax(log_probs / T)``, which is convex in 1 / T,
so a golden-section search finds it. As in Platt's scaling, targets are smoothed by one row of each class: a few rows that
are all right do not ask for T = 0. What it brings is measured on rows that T was not fitted on, in folds.
"""

import math

import numpy as np

from raydoa.settings import Settings
from raydoa.tasks.metrics.statistic import Floats, Ints

_FOLDS = 5
_BINS = 10
_LEAST, _MOST = 0.1, 10.0
_PRECISION = 1e-4
_GOLDEN = (math.sqrt(5) - 1) / 2


class Calibration(Settings):
    """A temperature, and what it brings: NLL and expected calibration error (ECE) without it, and with that of other folds."""

    temperature: float
    rows: int
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float


def calibrated(log_probs: Floats, gold: Ints) -> Calibration:
    """Fit T to ``log_probs [rows, classes]`` of rows whose classes are ``gold``; at least two rows."""
    count = len(gold)
    assert count >= 2, "a row to fit on and another to measure on"
    # Drawn, since rows may come in a rhythm of their classes.
    fold = np.random.default_rng(0).permutation(count) % min(_FOLDS, count)
    after = np.empty_like(log_probs)
    for one in range(fold.max() + 1):
        others = fold != one
        after[~others] = at_temperature(
            log_probs[~others], fitted_temperature(log_probs[others], gold[others])
        )
    return Calibration(
        temperature=fitted_temperature(log_probs, gold),
        rows=count,
        nll_before=nll(log_probs, gold),
        nll_after=nll(after, gold),
        ece_before=calibration_error(log_probs, gold),
        ece_after=calibration_error(after, gold),
    )


def fitted_temperature(log_probs: Floats, gold: Ints) -> float:
    """The T between 0.1 and 10 that minimises the NLL of smoothed targets."""
    count, classes = log_probs.shape
    smoothed = (count * np.eye(classes)[gold] + 1) / (count + classes)

    def loss(log_t: float) -> float:
        return -float((smoothed * at_temperature(log_probs, math.exp(log_t))).sum())

    low, high = math.log(_LEAST), math.log(_MOST)
    while high - low > _PRECISION:
        step = _GOLDEN * (high - low)
        if loss(high - step) <= loss(low + step):
            high = low + step
        else:
            low = high - step
    return math.exp((low + high) / 2)


def at_temperature(log_probs: Floats, temperature: float) -> Floats:
    """Log-probabilities at a temperature, ``[rows, classes]``."""
    raised = log_probs / temperature
    whole: Floats = np.logaddexp.reduce(raised, axis=1, keepdims=True)
    return np.asarray(raised - whole)


def nll(log_probs: Floats, gold: Ints) -> float:
    """Mean negative log-likelihood of the targets."""
    return -float(log_probs[np.arange(len(gold)), gold].mean())


def calibration_error(log_probs: Floats, gold: Ints) -> float:
    """Mean distance of how sure it was from how often it was right, in ten bins of how sure (Naeini et al. 2015)."""
    sure = np.exp(log_probs.max(axis=1))
    right = log_probs.argmax(axis=1) == gold
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    apart = np.bincount(bins, weights=sure - right, minlength=_BINS)
    return float(np.abs(apart).sum() / len(gold))
