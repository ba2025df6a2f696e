"""Points and their Pareto frontier: score against standalone cost.

A point is a plan: cells that bought the same things, over seeds, repeats and the budgets that bought them.
"""

import pandas as pd

POINT = [
    "task",
    "n",
    "strategy",
    "teacher",
    "student",
    "u",
    "labels",
    "teacher_steps",
    "pseudo_labels",
    "student_steps",
]


def points(cells: pd.DataFrame, column: str = "cost_total") -> pd.DataFrame:
    """One row a plan: ``cost`` (mean), ``score`` (mean over seeds), its lowest and highest seed.

    ``cost`` is in dollars, or what else is in ``column``.

    Infeasible cells and cells without a score have no point. A plan that several budgets bought is one
    point, at ``budget`` = the smallest of them.
    """
    measured = cells[cells["feasible"] & cells["score"].notna()]
    once = measured.sort_values("budget").drop_duplicates([*POINT, "seed", "repeat"])
    grouped = once.groupby(POINT, dropna=False, sort=False)
    table = grouped.agg(
        budget=("budget", "min"),
        cost=(column, "mean"),
        score=("score", "mean"),
        score_lowest=("score", "min"),
        score_highest=("score", "max"),
        seeds=("seed", "nunique"),
    ).reset_index()
    return table.sort_values(["task", "n", "cost"], ignore_index=True)


def frontier(plans: pd.DataFrame) -> pd.Series:
    """True for the points of one task and N that no other point beats on cost and score both.

    Args:
        plans: rows of `points`.
    """
    ordered = plans.sort_values(["cost", "score"], ascending=[True, False])
    best_before = ordered["score"].cummax().shift(fill_value=float("-inf"))
    return (ordered["score"] > best_before).reindex(plans.index)
