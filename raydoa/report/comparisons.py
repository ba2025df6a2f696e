"""What a sweep says about one choice with the rest held: where the money goes, the teacher's size, and U."""

import math
from collections.abc import Sequence

import pandas as pd

from raydoa.report.best_within_budget import KEYS, best_of_all
from raydoa.report.cost_items import reported_items
from raydoa.report.pareto import PANEL, by_plan, frontiers, points, seed_scores
from raydoa.report.seeds import LEVEL, paired, score_table
from raydoa.report.unit_prices import GPU_HOUR, LABEL, prices_of


def computing_shares(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> pd.DataFrame:
    """The optimal share of money for compute against N and B (the question of arXiv 2305.01645, section 4).

    One row per task, N and budget: ``share``, the dollars for computing over all dollars that the best measured plan
    costs (nan where it costs nothing); ``share_low`` and ``share_high``, the least and the most share among the plans for
    at most B that seeds cannot tell from the best (P below 0.95; the best alone, if it has one seed); ``spent``, its cost
    over B (nan where B is 0); and the best plan's ``strategy``, ``score`` and ``score_margin``. Money that is left over
    is no part of the share.
    """
    plans = points(cells)
    computing = by_plan(cells, prices_of(cells)[GPU_HOUR].paid(cells))
    plans["share"] = plans["plan"].map(computing) / plans["cost"].where(plans["cost"] > 0)
    scores, rows = score_table(seed_scores(cells)), []
    for best in best_of_all(cells, budgets).to_dict("records"):
        panel = plans[(plans["task"] == best["task"]) & (plans["n"] == best["n"])]
        affordable = panel[panel["cost"] <= best["budget"]].reset_index(drop=True)
        chance = paired(scores, [best["plan"]] * len(affordable), affordable["plan"])["chance"]
        itself = affordable["plan"] == best["plan"]
        share, tied = affordable["share"], affordable["share"][itself | (chance < LEVEL)]
        rows.append({**best, "share": share[itself].iloc[0], "share_low": tied.min(),
                     "share_high": tied.max(), "spent": best["cost"] / (best["budget"] or math.nan)})  # fmt: skip
    described = ["strategy", "share", "share_low", "share_high", "spent", "score", "score_margin"]
    return pd.DataFrame(rows, columns=[*KEYS, *described])


def teachers(cells: pd.DataFrame) -> pd.DataFrame:
    """Teachers side by side: one row per task, N, U and teacher of a student without bought labels, cheapest first.

    A student that is its own teacher is left out.

    ``teacher_score`` is the teacher's own, ``score`` its student's with ``score_margin``, ``cost`` that of the plan
    with the longest training. ``above`` is by how much the student is above that of the next cheaper teacher with
    the same seeds, ``above_margin`` half the 95% interval of that, ``chance`` P(it is above).
    """
    taught = _distilled(cells, cells)
    own = taught.groupby([*PANEL, "teacher"])["teacher_score"].mean().reset_index()
    plans = _distilled(points(cells), cells).merge(own, on=[*PANEL, "teacher"])
    plans = plans[plans["teacher"] != plans["student"]]
    return _stepwise(cells, plans, [*PANEL, "u"], "teacher", "teacher_score")


def pool_sizes(cells: pd.DataFrame) -> pd.DataFrame:
    """Pools side by side: one row per task, N, strategy, teacher and U without bought labels, smallest first.

    ``above`` is by how much the student is above that of the next smaller pool, with its margin and chance as in
    `teachers`. ``on_frontier`` is whether the plan is on the Pareto frontier of all plans of its task and N.
    """
    plans = points(cells)
    plans = _distilled(plans.assign(on_frontier=frontiers(plans)), cells)
    return _stepwise(cells, plans, [*PANEL, "strategy", "teacher"], "u", "on_frontier")


def _distilled(rows: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The cells, or plans of cells, whose student learnt from a teacher, and no label was bought."""
    labels = [item.column for item in prices_of(cells)[LABEL].items]
    return rows[rows["teacher"].notna() & (rows[labels] == 0).all(axis=1)]


def _stepwise(
    cells: pd.DataFrame, plans: pd.DataFrame, held: list[str], along: str, also: str
) -> pd.DataFrame:
    """Compare each row with the one before it among those that share what is held.

    Of each choice it is the plan whose student trains longest: what a budget cuts short compares with nothing.
    """
    training = [item.column for item in reported_items(cells) if item.model == "student"]
    by_length = plans.sort_values([*training, "cost"])
    longest = by_length.drop_duplicates([*held, along], keep="last")
    table = longest.sort_values([*held, "cost"], ignore_index=True)
    before = table.groupby(held, dropna=False)["plan"].shift().dropna()
    scores = score_table(seed_scores(cells))
    ahead = paired(scores, table["plan"][before.index], before).set_index(before.index)
    table[["above", "above_margin", "chance"]] = ahead[["mean", "margin", "chance"]]
    described = ["score", "score_margin", "seeds", "cost", also, "above", "above_margin", "chance"]
    return table[[*held, along, *described]]
