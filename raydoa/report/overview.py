"""The tables that end a sweep and open a report, and what their reader must know."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from raydoa.report import table as sweep_table
from raydoa.report.best_within_budget import KEYS, best_of_all, best_within
from raydoa.report.pareto import awaits_labels, seed_scores
from raydoa.report.seeds import training_luck
from raydoa.report.sentence import Point, points_of_100
from raydoa.report.strategies import strategy_of
from raydoa.report.wording import dollars

NO_WINNER = "none"
_LACKS = ("infeasible", "awaits labels", "no score")
"""Why a strategy has no measured plan: the last of these that holds of one of its cells."""


def best_table(
    cells: pd.DataFrame, budgets: Sequence[float] | None = None, words: Callable[[Point], str] | None = None
) -> pd.DataFrame:  # fmt: skip
    """One row per task, N and budget; a column per strategy tells its best measured plan for at most that budget.

    ``winner`` is the strategy with the highest mean score, with a question mark where seeds do not tell it from the
    next (P below 0.95), or where there is one seed, and none where no score is above that of always giving the most frequent
    answer. ``words`` tells a plan; with its interval unless given.
    """
    best = best_within(cells, budgets)
    if best.empty:
        return best[KEYS]
    said = best.assign(words=[(words or _with_interval)(plan) for plan in best.to_dict("records")])
    table = said.pivot(index=KEYS, columns="strategy", values="words").fillna("-")
    winners = best_of_all(cells, budgets).set_index(KEYS)
    named = winners["strategy"] + np.where(winners["sure"], "", "?")
    table["winner"] = named.where(winners["better"], NO_WINNER)
    return table.reset_index().rename_axis(columns=None)


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """The table that ends a sweep: `best_table` with the lowest and the highest seed.

    A strategy that has no plan for a budget says why: none is feasible, all await labels, or none has a score.
    """
    best = best_table(cells, words=_with_reach).set_index(KEYS)
    awaits = awaits_labels(cells)
    lacks = np.select([~cells["feasible"], awaits], [0, 1], 2)
    most = cells.assign(lacks=lacks).groupby([*KEYS, "strategy"])["lacks"].max().unstack()
    table = best.reindex(index=most.index, columns=[*most.columns, "winner"]).replace("-", None)
    why = most.replace(dict(enumerate(_LACKS))).assign(winner=NO_WINNER)
    return table.fillna(why).fillna("-").reset_index().rename_axis(columns=None)


def notes(cells: pd.DataFrame) -> list[str]:
    """What is missing, how sure numbers are, and which prices they have: one line each."""
    lines = sweep_table.table_notes(cells)
    if cells["seed"].nunique() > 1:
        lines.append(
            "scores are means over seeds, in points of 100, ± half of the 95% interval (Student's t), "
            "in which the luck of a training is contained"
        )
    lines += _luck(cells)
    books = cells["prices"].unique()
    if len(books) > 1:
        lines.append(
            f"costs are those of {len(books)} price books ({', '.join(books)}); --price puts all at the same"
        )
    if cells["unspent"].isna().all() and cells["cost_incurred"].isna().all():
        lines.append(
            f"at other prices than the sweep was planned for ({', '.join(books)}): plans that only these prices allow "
            "were not measured"
        )
    lines += [f"prices are scaled: {note}" for note in cells["prices_scaled"].dropna().unique()]
    incurred = cells["cost_incurred"].sum(min_count=1)
    paid = "is not known at other prices" if pd.isna(incurred) else f"${incurred:,.2f}"
    return [*lines, f"{len(cells):,} cells: {sweep_table.standalone(cells)}, incurred {paid}"]


def _luck(cells: pd.DataFrame) -> list[str]:
    """What the luck of one training is worth, for each task where repeats tell."""
    return [
        f"{task}: trainings on the same rows differ by a standard deviation of {100 * deviation:.1f} points"
        for task, seeds in seed_scores(cells).groupby("task")
        if not math.isnan(deviation := training_luck(seeds))
    ]


def _with_interval(plan: Point) -> str:
    score = points_of_100(plan["score"], plan["score_margin"])
    return f"{score} {_bought(plan)} {dollars(plan['cost'])}"


def _with_reach(plan: Point) -> str:
    reach = (
        f" [{plan['score_lowest']:.3f}, {plan['score_highest']:.3f}]" if plan["seeds"] > 1 else ""
    )
    return f"{plan['score']:.3f}{reach} {_bought(plan)} ${plan['cost']:,.2f}"


def _bought(plan: Point) -> str:
    return strategy_of(plan["strategy"]).bought(plan)
