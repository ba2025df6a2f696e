"""What a sweep says about one choice with the rest held: where the money goes, the teacher's size, and U."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from raydoa.report.best_within_budget import KEYS, best_of_all, budgets_of
from raydoa.report.pareto import PANEL, frontiers, points, seed_scores
from raydoa.report.seeds import LEVEL, chance_above_zero, mean_and_interval
from raydoa.report.unit_prices import GPU_HOUR, prices_of
from raydoa.report.win_probability import paired


def computing_shares(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> pd.DataFrame:
    """The optimal share of money for compute against N and B (the question of arXiv 2305.01645, section 4).

    One row per task, N and budget: ``share``, the dollars for computing over all dollars that the best measured plan
    costs; ``share_low`` and ``share_high``, the least and the most share among the plans for at most B that seeds
    cannot tell from the best (P below 0.95; the best alone, if it has one seed); ``spent``, its cost over B; and the
    best plan's ``strategy``, ``score`` and ``score_margin``. Money that is left over is no part of the share.
    """
    plans = points(cells)
    computing = cells.assign(_computing=prices_of(cells)[GPU_HOUR].paid(cells))
    dollars = points(computing, "_computing").set_index("plan")["cost"]
    plans["share"] = plans["plan"].map(dollars) / plans["cost"].where(plans["cost"] > 0)
    seeds = seed_scores(cells)
    rows = []
    for best in best_of_all(cells, budgets or budgets_of(cells)).to_dict("records"):
        panel = plans[(plans["task"] == best["task"]) & (plans["n"] == best["n"])]
        affordable = panel[panel["cost"] <= best["budget"]].set_index("plan")
        tied = [plan for plan in affordable.index if _tied(seeds, best["plan"], plan)]
        shares = affordable.loc[tied, "share"]
        of_best = affordable.loc[best["plan"], "share"]
        spent = best["cost"] / best["budget"]
        rows.append({**best, "share": of_best, "share_low": shares.min(),
                     "share_high": shares.max(), "spent": spent})  # fmt: skip
    described = ["strategy", "share", "share_low", "share_high", "spent", "score", "score_margin"]
    return pd.DataFrame(rows, columns=[*KEYS, *described])


def _tied(seeds: pd.DataFrame, best: int, plan: int) -> bool:
    if plan == best:
        return True
    chance = paired(seeds, best, plan)
    return chance is not None and chance < LEVEL


def teachers(cells: pd.DataFrame) -> pd.DataFrame:
    """Teachers side by side: one row per task, N, U and teacher of a student without bought labels, cheapest first.

    A student that is its own teacher is left out.

    ``teacher_score`` is the teacher's own, ``score`` its student's with ``score_margin``, ``cost`` that of the plan
    with the most student steps. ``above`` is by how much the student is above that of the next cheaper teacher with
    the same seeds, ``above_margin`` half the 95% interval of that, ``chance`` P(it is above).
    """
    distilled = distilled_cells(cells)
    distilled = distilled[distilled["teacher"] != distilled["student"]]
    table = _longest(distilled, ["u", "teacher"])
    own = distilled.groupby([*PANEL, "teacher"])["teacher_score"].mean().rename("teacher_score")
    table = table.merge(own.reset_index(), on=[*PANEL, "teacher"])
    return _stepwise(table, distilled, "teacher", [*PANEL, "u"])


def distilled_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells whose student learnt from pseudo-labels, and no label was bought."""
    return cells[(cells["pseudo_labels"] > 0) & (cells["labels"] == 0)]


def pool_sizes(cells: pd.DataFrame) -> pd.DataFrame:
    """Pools side by side: one row per task, N, strategy, teacher and U without bought labels, smallest first.

    ``above`` is by how much the student is above that of the next smaller pool, with its margin and chance as in
    `teachers`. ``on_frontier`` is whether the plan is on the Pareto frontier of all plans of its task and N.
    """
    distilled = distilled_cells(cells)
    table = _longest(distilled, ["strategy", "teacher", "u"])
    every = points(cells)
    on = every[frontiers(every)]
    keys = [*PANEL, "strategy", "teacher", "u", "student_steps"]
    marked = table.merge(on[keys].drop_duplicates().assign(on_frontier=True), on=keys, how="left")
    table["on_frontier"] = marked["on_frontier"].notna().to_numpy()
    return _stepwise(table, distilled, "u", [*PANEL, "strategy", "teacher"])


def _longest(cells: pd.DataFrame, choice: list[str]) -> pd.DataFrame:
    """Of each choice the plan whose student trains longest: what a budget cuts short compares with nothing."""
    plans = points(cells).sort_values("student_steps", kind="stable")
    return plans.drop_duplicates([*PANEL, *choice], keep="last").sort_values([*PANEL, "cost"])


def _stepwise(
    table: pd.DataFrame, cells: pd.DataFrame, along: str, held: list[str]
) -> pd.DataFrame:
    """Compare each row with the one before it among those that share what is held."""
    seeds = seed_scores(cells).set_index(["plan", "seed"])["score"]
    gains: dict[int, tuple[float, float, float]] = {}
    for _, group in table.groupby(held, sort=False, dropna=False):
        plans = group["plan"].tolist()
        for before, plan in pairwise(plans):
            ahead = (seeds[plan] - seeds[before]).dropna().to_numpy()
            chance = chance_above_zero(ahead)
            gains[plan] = (*mean_and_interval(ahead), np.nan if chance is None else chance)
    gained = ["above", "above_margin", "chance"]
    steps = [gains.get(plan, (np.nan, np.nan, np.nan)) for plan in table["plan"]]
    table[gained] = pd.DataFrame(steps, columns=gained, index=table.index, dtype="float64")
    extra = [name for name in ("teacher_score", "on_frontier") if name in table]
    names = [*held, along, "score", "score_margin", "seeds", "cost", *extra, *gained]
    return table.sort_values([*held, "cost"])[names].reset_index(drop=True)
