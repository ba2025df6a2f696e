"""What a few seeds say: intervals of a mean, and how probable it is that one thing beats another.

A seed decides which rows are owned, bought and labelled, and all randomness of training. Two plans with the same seed
saw the same draw, so they are compared seed by seed, and what is common to a seed drops out.

- **Interval of a mean**: Student's t, mean +- t(0.975, n - 1) s / sqrt(n). Three seeds give 2.5 s, which is wide,
  because three seeds say little.
- **P(A beats B)**: of the mean of the differences d over seeds, under the flat prior (p(mu, sigma) ~ 1 / sigma) a
  Student's t with n - 1 degrees of freedom, at mean d with scale s / sqrt(n); P is its mass above 0. (Box and Tiao,
  Bayesian Inference in Statistical Analysis, 1973, section 2.4; for comparing learners: Benavoli, Corani, Demsar and
  Zaffalon, Time for a Change, JMLR 18(77), 2017, section 3.1, here without its correlation: seeds are separate draws,
  not folds of one set.)

Both are about seeds: all share one set of test rows, and another set would move them together. With one seed there is
neither, and none is made up.

A seed's score is one training's, so its luck (`training_luck`: the order of batches, or mere rounding) is part of what
differs between seeds, and of both. It is no part of a row's own interval, which is a bootstrap over test rows.
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

LEVEL = 0.95
_NOTHING = 1e-12


def interval_of(deviation: Floats, seeds: NDArray[np.int64]) -> Floats:
    """Half the 95% interval of means over ``seeds`` seeds with that standard deviation (of n - 1); nan for one."""
    several = seeds > 1
    degrees = np.where(several, seeds - 1, 1)
    half = stats.t.ppf(0.5 + LEVEL / 2, degrees) * deviation / np.sqrt(degrees + 1)
    return np.where(several, half, np.nan)


def mean_and_interval(values: Floats) -> tuple[float, float]:
    """The mean of one number a seed, and half its interval: nan for one seed, nan and nan for none."""
    if not len(values):
        return float("nan"), float("nan")
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    half = interval_of(np.array([deviation]), np.array([len(values)]))
    return float(values.mean()), float(half[0])


def chances_above_zero(means: Floats, deviations: Floats, seeds: NDArray[np.int64]) -> Floats:
    """P(the mean of a difference is above 0), of many at once; nan for fewer than two seeds.

    Args:
        means: of the differences over seeds.
        deviations: their standard deviations (of n - 1).
        seeds: how many.

    Seeds that all say the same leave no doubt by this rule: 1, 0, or a half for a difference of 0.
    """
    several = seeds > 1
    degrees = np.where(several, seeds - 1, 1)
    scale = np.where(several, deviations, 1.0) / np.sqrt(degrees + 1)
    alike = scale <= _NOTHING
    sure = np.where(np.abs(means) <= _NOTHING, 0.5, means > 0)
    chances = np.where(alike, sure, stats.t.cdf(means / np.where(alike, 1.0, scale), degrees))
    return np.where(several, chances, np.nan)


def chance_above_zero(differences: Floats) -> float | None:
    """The same of one difference, given seed by seed; None for fewer than two seeds."""
    if len(differences) < 2:
        return None
    mean, deviation = differences.mean(keepdims=True), differences.std(ddof=1, keepdims=True)
    return float(chances_above_zero(mean, deviation, np.array([len(differences)]))[0])


def training_luck(seeds: pd.DataFrame) -> float:
    """The standard deviation of the score between trainings on the same rows; nan where nothing was trained twice.

    Args:
        seeds: rows of `raydoa.report.pareto.seed_scores`, of one task; their repeats are pooled.
    """
    several = seeds[seeds["trainings"] > 1]
    degrees = several["trainings"] - 1
    return (
        math.sqrt((degrees * several["variance"]).sum() / degrees.sum())
        if len(several)
        else math.nan
    )
