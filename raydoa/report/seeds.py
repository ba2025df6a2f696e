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
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# What `scipy.stats.t` calls, whose import takes a second.
from scipy.special import stdtr, stdtrit

Floats = NDArray[np.float64]

LEVEL = 0.95
_NOTHING = 1e-12


def over_seeds(values: Floats) -> pd.DataFrame:
    """What seeds say of many numbers at once, one row each.

    Args:
        values: (numbers, seeds), nan where a seed lacks one.

    Returns:
        ``mean``; ``margin``, half of its 95% interval; ``seeds``, how many there are; and ``chance``, P(the mean is above
        0). Margin and chance are nan for fewer than two seeds. Seeds that all say the same leave no doubt: a chance of
        1, 0, or a half for 0.
    """
    table = pd.DataFrame(values)
    mean, seeds = table.mean(axis=1), table.count(axis=1)
    scale: pd.Series[float] = table.std(axis=1, ddof=1) / np.sqrt(seeds)
    degrees = np.maximum(seeds - 1, 1)
    alike = np.where(mean.abs() <= _NOTHING, 0.5, mean > 0)
    chance = np.where(
        scale <= _NOTHING, alike, stdtr(degrees, mean / scale.mask(scale <= _NOTHING))
    )
    return pd.DataFrame(
        {
            "mean": mean,
            "margin": stdtrit(degrees, 0.5 + LEVEL / 2) * scale,
            "seeds": seeds,
            "chance": np.where(seeds > 1, chance, np.nan),
        }
    )


def score_table(seeds: pd.DataFrame) -> pd.DataFrame:
    """The scores of `raydoa.report.pareto.seed_scores`, (plans, seeds), by their numbers."""
    return seeds.pivot(index="plan", columns="seed", values="score")


def paired(scores: pd.DataFrame, plans: Iterable[int], rivals: Iterable[int]) -> pd.DataFrame:
    """`over_seeds` of how far each plan is ahead of its rival, on the seeds that both have.

    Args:
        scores: of `score_table`.
        plans: numbers in it.
        rivals: as many.
    """
    return over_seeds(scores.loc[list(plans)].to_numpy() - scores.loc[list(rivals)].to_numpy())


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
