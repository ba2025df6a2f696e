"""P(one strategy beats another | B, N), from seeds that both were measured with.

For each seed, each strategy's plan is chosen on the *other* seeds (the highest mean among plans that cost at most B)
and scored on this one. So a strategy does not win because it had more plans to be lucky with (selection on the scores
that are then reported: Cawley and Talbot, JMLR 11, 2010, section 5). The differences of the two, seed by seed, give
the probability as `raydoa.report.seeds` tells. It is about the mean over seeds, on these test rows.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from raydoa.report.best_within_budget import budgets_of
from raydoa.report.pareto import PANEL, seed_scores
from raydoa.report.seeds import chance_above_zero, mean_and_interval

Floats = NDArray[np.float64]


def chances(
    cells: pd.DataFrame,
    first: str = "distill",
    second: str = "annotate",
    budgets: Sequence[float] | None = None,
) -> pd.DataFrame:
    """One row per task, N and budget at which both strategies have a measured plan.

    Columns: ``task``, ``n``, ``budget``, ``difference`` (mean score of ``first`` above ``second``), ``margin`` (half
    of its 95% interval), ``seeds`` that both share, and ``chance``: P(first beats second), nan for one seed.
    """
    rows = []
    seeds = seed_scores(cells)
    for (task, n), panel in seeds.groupby(PANEL, sort=True):
        one, other = (_Runs(panel[panel["strategy"] == name]) for name in (first, second))
        for budget in budgets or budgets_of(cells):
            ours, theirs = one.scores(budget), other.scores(budget)
            shared = sorted(ours.keys() & theirs.keys())
            if not shared:
                continue
            differences = np.array([ours[seed] - theirs[seed] for seed in shared])
            mean, margin = mean_and_interval(differences)
            chance = chance_above_zero(differences)
            rows.append((task, n, budget, mean, margin, len(shared), chance))
    names = [*PANEL, "budget", "difference", "margin", "seeds", "chance"]
    return pd.DataFrame(rows, columns=names).astype({"chance": "float64"})


def paired(cells: pd.DataFrame, first: int, second: int) -> float | None:
    """P(plan ``first`` beats plan ``second``), by their numbers in `points` of the same cells."""
    seeds = cells if "plan" in cells else seed_scores(cells)
    both = [seeds[seeds["plan"] == plan].set_index("seed")["score"] for plan in (first, second)]
    return chance_above_zero((both[0] - both[1]).dropna().to_numpy())


class _Runs:
    """The scores of one strategy in one panel, plans by seeds."""

    def __init__(self, seeds: pd.DataFrame) -> None:
        table = seeds.pivot(index="plan", columns="seed", values="score")
        self._names = [int(seed) for seed in table.columns]
        self._scores: Floats = table.to_numpy(dtype=np.float64)
        self._costs: Floats = seeds.groupby("plan")["cost"].max().to_numpy(dtype=np.float64)

    def scores(self, budget: float) -> dict[int, float]:
        """By seed, the score of the plan that the other seeds choose; with one seed, of the best."""
        table = self._scores[self._costs <= budget]
        if not len(table):
            return {}
        known = ~np.isnan(table)
        filled = np.where(known, table, 0.0)
        others = known.sum(axis=1, keepdims=True) - known
        means = np.full(table.shape, -np.inf)
        np.divide(filled.sum(axis=1, keepdims=True) - filled, others, out=means, where=others > 0)
        if table.shape[1] == 1:
            means = filled
        chosen = np.where(known, means, -np.inf).argmax(axis=0)
        found = table[chosen, np.arange(table.shape[1])]
        return {
            name: float(s) for name, s in zip(self._names, found, strict=True) if not np.isnan(s)
        }
