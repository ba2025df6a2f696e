"""P(one strategy beats another | B, N), from seeds that both were measured with.

For each seed, each strategy's plan is chosen on the *other* seeds (the highest mean among plans that cost at most B)
and scored on this one. So a strategy does not win because it had more plans to be lucky with (selection on the scores
that are then reported: Cawley and Talbot, JMLR 11, 2010, section 5). The differences of the two, seed by seed, give
the probability by the rules of `raydoa.report.seeds`. It is about the mean over seeds, on these test rows.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from raydoa.report.best_within_budget import budgets_of
from raydoa.report.pareto import PANEL, measured, seed_scores
from raydoa.report.seeds import over_seeds, score_table
from raydoa.report.strategies import strategy_of

Floats = NDArray[np.float64]


def against_baseline(cells: pd.DataFrame) -> list[tuple[str, str]]:
    """Each measured strategy with each measured baseline that it is to be held against."""
    names = sorted(measured(cells)["strategy"].unique())
    baselines = [name for name in names if strategy_of(name).is_baseline]
    return [(name, baseline) for baseline in baselines for name in names if name not in baselines]


def chances(
    cells: pd.DataFrame,
    pairs: Sequence[tuple[str, str]] | None = None,
    budgets: Sequence[float] | None = None,
) -> pd.DataFrame:
    """One row per pair of strategies, task, N and budget at which both have a measured plan.

    ``pairs`` are those of `against_baseline` unless given. Columns: ``first``, ``second``, ``task``, ``n``, ``budget``,
    ``difference`` (mean score of ``first`` above ``second``), ``margin`` (half of its 95% interval), ``seeds`` that both
    share, and ``chance``: P(first beats second), nan for one seed.
    """
    rows = []
    seeds = seed_scores(cells)
    keyed = product(against_baseline(cells) if pairs is None else pairs, seeds.groupby(PANEL))
    for (first, second), ((task, n), panel) in keyed:
        runs, rivals = (_Runs(panel[panel["strategy"] == name]) for name in (first, second))
        for budget in budgets or budgets_of(cells):
            ours, theirs = runs.scores(budget), rivals.scores(budget)
            shared = sorted(ours.keys() & theirs.keys())
            if not shared:
                continue
            differences = np.array([[ours[seed] - theirs[seed] for seed in shared]])
            rows.append((first, second, task, n, budget, *over_seeds(differences).loc[0]))
    names = ["first", "second", *PANEL, "budget", "difference", "margin", "seeds", "chance"]
    return pd.DataFrame(rows, columns=names).astype({"seeds": "int64"})


class _Runs:
    """The scores of one strategy in one panel, plans by seeds."""

    def __init__(self, seeds: pd.DataFrame) -> None:
        self._table = score_table(seeds)
        self._costs: Floats = seeds.groupby("plan")["cost"].max().to_numpy(dtype=np.float64)

    def scores(self, budget: float) -> dict[int, float]:
        """By seed, the score of the plan that the other seeds choose; with one seed, of the best."""
        table = self._table.to_numpy()[self._costs <= budget]
        if not len(table):
            return {}
        scored, means = ~np.isnan(table), table
        if table.shape[1] > 1:
            others = scored.sum(axis=1, keepdims=True) - scored
            total = np.nansum(table, axis=1, keepdims=True) - np.nan_to_num(table)
            means = np.divide(total, others, out=np.full(table.shape, -np.inf), where=others > 0)
        chosen = np.where(scored, means, -np.inf).argmax(axis=0)
        scores = table[chosen, np.arange(table.shape[1])]
        return {
            int(seed): float(score)
            for seed, score in zip(self._table.columns, scores, strict=True)
            if not np.isnan(score)
        }
