"""The best that was measured for at most B dollars: per task, N, budget and strategy.

A budget is a ceiling, so every measured plan that costs no more than B is a choice at B, whatever budget it was made
for. That is a lower bound of what B can buy: at other prices, or between two budgets of the grid, a plan that nobody
measured may be better.
"""

from collections.abc import Sequence

import pandas as pd

from raydoa.report.pareto import PANEL, frontiers, points, seed_scores
from raydoa.report.seeds import LEVEL, paired, score_table

KEYS = [*PANEL, "budget"]


def budgets_of(cells: pd.DataFrame) -> list[float]:
    """The budgets that were asked for, smallest first."""
    return sorted(float(budget) for budget in cells["budget"].unique())


def best_within(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> pd.DataFrame:
    """One row per task, N, budget and strategy: the plan with the highest mean score among those that cost at most B.

    The columns are those of `raydoa.report.pareto.points`, with ``budget`` being B. A strategy of which nothing
    was measured for so little has no row. ``budgets`` are those of the cells unless given, in dollars.
    """
    plans = points(cells)
    group = [*PANEL, "strategy"]
    best = plans[frontiers(plans, group)].drop(columns="budget").sort_values("cost")
    asked = cells[group].drop_duplicates().merge(_column(budgets or budgets_of(cells)), how="cross")
    within = pd.merge_asof(
        asked.sort_values("budget"), best, left_on="budget", right_on="cost", by=group
    )
    within = within.dropna(subset="cost").astype(best.dtypes.to_dict())
    return within.sort_values([*KEYS, "strategy"], ignore_index=True)


def best_of_all(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> pd.DataFrame:
    """One row per task, N and budget: the best of `best_within` over all strategies.

    ``sure`` is whether seeds tell it from the next (P at least 0.95), if there is one.
    """
    ranked = best_within(cells, budgets).sort_values([*KEYS, "rank"], ignore_index=True)
    ranked["next"] = ranked.groupby(KEYS)["plan"].shift(-1)
    best = ranked.drop_duplicates(KEYS, ignore_index=True)
    rivals = best["next"].dropna()
    chance = paired(score_table(seed_scores(cells)), best["plan"][rivals.index], rivals)["chance"]
    best["sure"] = True
    best.loc[rivals.index, "sure"] = chance.ge(LEVEL).to_numpy()
    return best.drop(columns="next")


def _column(budgets: Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame({"budget": sorted(float(budget) for budget in budgets)})
