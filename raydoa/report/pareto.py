"""Points and their Pareto frontier: score against standalone cost.

A point is a plan: cells that bought the same things at the same prices, over seeds, repeats and the budgets that
bought them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from raydoa.experiment.result_row import AWAITING_LABELS
from raydoa.report.columns import plan_key
from raydoa.report.majority import is_better, majority_of
from raydoa.report.seeds import over_seeds, score_table

PANEL = ["task", "n"]
"""Within what plans are compared: scores of two tasks do not compare, and N is owned, not bought."""


def point_columns(cells: pd.DataFrame) -> list[str]:
    """The columns that tell one point from another."""
    return [*plan_key(cells), "prices", "accelerator", "region"]


def points(cells: pd.DataFrame, column: str = "cost_total") -> pd.DataFrame:
    """One row a plan: ``cost``, ``score`` (mean over seeds), its lowest and highest seed, its 95% interval, and ``rank``.

    ``cost`` is in dollars, or what else is in ``column``: that of the dearest seed, since a budget is a ceiling (seeds
    cost the same unless they were planned with different unit costs). ``score_margin`` is half of the interval over
    seeds (`raydoa.report.seeds`), nan for one seed; repeats of a seed are averaged first. ``rank`` is the place among
    the plans of the task and N, from 0, the highest score first; where two score the same, by strategy. ``better`` is whether
    the score is above that of always giving the most frequent answer (`raydoa.report.majority`).

    Infeasible cells, those that await labels and others without a score have no point. A plan that several budgets bought is one
    point, at ``budget`` = the smallest of them.
    """
    seeds = seed_scores(cells, column)
    grouped = seeds.groupby("plan", sort=True)
    names = ["plan", *point_columns(cells)]
    table = seeds.drop_duplicates("plan").sort_values("plan", ignore_index=True)[names]
    table["budget"] = grouped["budget"].min().to_numpy()
    table["cost"] = grouped["cost"].max().to_numpy()
    table["score_lowest"] = grouped["lowest"].min().to_numpy()
    table["score_highest"] = grouped["highest"].max().to_numpy()
    scores = over_seeds(score_table(seeds).to_numpy())
    table[["score", "score_margin", "seeds"]] = scores[["mean", "margin", "seeds"]]
    majority = table["task"].map(majority_of(cells))
    pairs = zip(table["score"], majority, strict=True)
    table["better"] = pd.Series([is_better(*pair) for pair in pairs], table.index, dtype=bool)
    ranked = table.sort_values(["score", "strategy"], ascending=[False, True], kind="stable")
    table["rank"] = ranked.groupby(PANEL).cumcount()
    return table.sort_values([*PANEL, "cost"], ignore_index=True)


def by_plan(cells: pd.DataFrame, values: "pd.Series[float]") -> "pd.Series[float]":
    """What cells have of something, by the plans' numbers: as their cost, that of the dearest seed."""
    return points(cells.assign(_value=values), "_value").set_index("plan")["cost"]


def awaits_labels(cells: pd.DataFrame) -> "pd.Series[bool]":
    """True for cells whose plan can be paid and has no score yet, since it buys labels that nobody has written."""
    return cells["status"] == AWAITING_LABELS


def measured(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells that have a score."""
    return cells[cells["feasible"] & cells["score"].notna()]


def measured_by_plan(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells that have a score, each with the number of its plan as ``plan``."""
    scored = measured(cells)
    return scored.assign(plan=_numbered(scored, point_columns(cells)))


def seed_scores(cells: pd.DataFrame, column: str = "cost_total") -> pd.DataFrame:
    """One row a plan and seed: what the plan is, ``plan`` (its number), ``seed``, ``cost`` and ``score``.

    ``score`` is the mean over ``trainings`` repeats, ``variance`` theirs (of n - 1), nan for one.
    """
    point, numbered = point_columns(cells), measured_by_plan(cells)
    trained = numbered.assign(trained=_numbered(numbered, ["plan", "seed", "repeat"]))
    once = trained.sort_values("budget", kind="stable").drop_duplicates("trained")
    grouped = once.groupby(["plan", "seed"], sort=True)
    table = grouped.agg(
        row=("trained", "first"),
        budget=("budget", "min"),
        cost=(column, "max"),
        score=("score", "mean"),
        lowest=("score", "min"),
        highest=("score", "max"),
        trainings=("score", "size"),
        variance=("score", "var"),
    ).reset_index()
    names = once.set_index("trained").loc[table["row"], point].reset_index(drop=True)
    return pd.concat([table.drop(columns="row"), names], axis=1)


def frontier(plans: pd.DataFrame) -> pd.Series:
    """True for the points of one task and N that no other point beats on cost and score both.

    Args:
        plans: rows of `points`.
    """
    return frontiers(plans.assign(task="", n=0))


def frontiers(plans: pd.DataFrame, panel: Sequence[str] = PANEL) -> pd.Series:
    """`frontier` of every panel of a table at once.

    Args:
        plans: rows of `points`.
        panel: columns within whose values plans are compared.
    """
    group = pd.Series(_numbered(plans, list(panel)), index=plans.index)
    ordered = plans.assign(group=group).sort_values(
        ["cost", "score"], ascending=[True, False], kind="stable"
    )
    best = ordered.groupby("group")["score"].cummax()
    before = best.groupby(ordered["group"]).shift(fill_value=float("-inf"))
    return (ordered["score"] > before).reindex(plans.index)


def _numbered(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """A number for each combination of values in the columns; a gap is a value.

    As one number per column, joined: grouping by a dozen columns of text is what takes the time otherwise.
    """
    number = np.zeros(len(table), dtype=np.int64)
    for name in columns:
        codes, values = pd.factorize(table[name], use_na_sentinel=False)
        number, _ = pd.factorize(number * len(values) + codes)
    return number
