"""How good a whole frontier is, in one number: its hypervolume, with an interval over seeds.

The area below the frontier, over the logarithm of dollars, divided by the width: the score that a budget buys on
average, if budgets between ``low`` and ``high`` dollars are as likely at every order of magnitude. What costs less
than the cheapest plan buys a score of 0; what is free is bought by every budget. (The hypervolume of Zitzler and Thiele,
1999, for cost and score, with (high, 0) as the reference point and the cost's logarithm as its axis; over plain dollars
only the largest budgets would count.)

Which plans are on the frontier is decided by mean scores. The area is linear in the scores, so each seed has one, their
mean is that of the frontier, and they have an interval as any mean has.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from raydoa.report.pareto import PANEL, frontiers, points, seed_scores
from raydoa.report.seeds import over_seeds, score_table


def hypervolumes(
    cells: pd.DataFrame,
    low: float | None = None,
    high: float | None = None,
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """One row per task and N (and values of ``by``): ``hypervolume``, ``margin`` (half its 95% interval), ``seeds``.

    ``low`` and ``high`` (dollars, in the columns of that name) are the cost of the cheapest plan that costs something
    and the largest budget of the task and N, unless given. Seeds that lack a plan of the frontier are left out; with fewer than two, the
    margin is nan.
    """
    plans = points(cells)
    largest = cells.groupby(PANEL)["budget"].max()
    cheapest = plans[plans["cost"] > 0].groupby(PANEL)["cost"].min()
    best = plans[frontiers(plans, [*PANEL, *by])]
    scores = score_table(seed_scores(cells))
    rows = []
    for key, group in best.groupby([*PANEL, *by], sort=True, dropna=False):
        panel: Any = key[: len(PANEL)]
        most = high or float(largest.loc[panel])
        ends = (low or float(cheapest.get(panel, most)), most)
        weights = _weights(group["cost"].to_numpy(dtype=np.float64), *ends)
        whole = scores.loc[group["plan"]].dropna(axis=1).to_numpy()
        [area] = over_seeds((weights @ whole)[None]).itertuples()
        mean = area.mean if area.seeds else float(weights @ group["score"].to_numpy())
        rows.append((*key, mean, area.margin, area.seeds, *ends))
    names = [*PANEL, *by, "hypervolume", "margin", "seeds", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _weights(costs: np.ndarray, low: float, high: float) -> np.ndarray:
    """The share of budgets at which each plan of a frontier, cheapest first, is the one to choose."""
    if high <= low:
        return np.where(np.arange(len(costs)) == (costs <= high).sum() - 1, 1.0, 0.0)
    ends = np.log(np.clip([*costs, np.inf], low, high))
    weights: np.ndarray = np.diff(ends) / np.log(high / low)
    return weights
