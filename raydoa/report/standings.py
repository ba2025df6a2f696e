"""Tied or dominated: which plans a few seeds can tell from the frontier, and which they cannot.

Each plan off the frontier is compared, seed by seed, with the best plan that costs no more. It is ``dominated`` where
that one is better with a probability of 0.95 or more (`raydoa.report.seeds`), and ``tied`` where it is not, or where
one seed says nothing. One that is no better than always giving the most frequent answer, on the frontier or off it, is ``no better``.
"""

import numpy as np
import pandas as pd

from raydoa.report.pareto import PANEL, frontiers, points, seed_scores
from raydoa.report.seeds import LEVEL, paired, score_table

FRONTIER, TIED, DOMINATED, NO_BETTER = "frontier", "tied", "dominated", "no better"


def standings(cells: pd.DataFrame, column: str = "cost_total") -> pd.DataFrame:
    """`points` of the cells with ``standing``, ``rival`` and ``chance``.

    ``rival`` is the number (``plan``) of the best plan of the same task and N that costs no more, and ``chance`` the
    probability that it is the better one: nan on the frontier, and where fewer than two seeds are shared.
    """
    plans = points(cells, column)
    best = frontiers(plans)
    on = plans[best][[*PANEL, "cost", "plan"]].rename(columns={"plan": "rival"}).sort_values("cost")
    table = pd.merge_asof(plans.sort_values("cost"), on, on="cost", by=PANEL)
    table = table.set_index("plan").loc[plans["plan"]].reset_index()
    scores = score_table(seed_scores(cells))
    table["chance"] = paired(scores, table["rival"], table["plan"])["chance"]
    table.loc[best.to_numpy(), ["chance", "rival"]] = np.nan
    beaten = table["chance"] >= LEVEL
    standing = np.where(best, FRONTIER, np.where(beaten, DOMINATED, TIED))
    table["standing"] = np.where(table["better"], standing, NO_BETTER)
    return table
