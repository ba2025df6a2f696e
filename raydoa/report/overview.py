"""The table of a report, and what its reader must know."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from raydoa.report import table as sweep_table
from raydoa.report.best_within_budget import KEYS, best_within
from raydoa.report.pareto import seed_scores
from raydoa.report.seeds import LEVEL, training_luck
from raydoa.report.sentence import dollars, points_of_100
from raydoa.report.strategies import strategy_of
from raydoa.report.win_probability import paired


def best_table(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> pd.DataFrame:
    """One row per task, N and budget; a column per strategy tells its best measured plan for at most that budget.

    ``winner`` is the strategy with the highest mean score, with a question mark where seeds do not tell it from the
    next (P below 0.95), or where there is one seed.
    """
    best = best_within(cells, budgets)
    if best.empty:
        return best[KEYS]
    words = best.assign(words=[_words(plan) for plan in best.to_dict("records")])
    table = words.pivot(index=KEYS, columns="strategy", values="words").fillna("-")
    seeds = seed_scores(cells)
    table["winner"] = [_winner(group, seeds) for _, group in best.groupby(KEYS, sort=True)]
    return table.reset_index().rename_axis(columns=None)


def notes(cells: pd.DataFrame) -> list[str]:
    """What is missing, how sure numbers are, and which prices they have: one line each."""
    lines = sweep_table.notes(cells)
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
    standalone, incurred = cells["cost_total"].sum(), cells["cost_incurred"].sum(min_count=1)
    paid = "is not known at other prices" if pd.isna(incurred) else f"${incurred:,.2f}"
    return [*lines, f"{len(cells):,} cells: standalone ${standalone:,.2f}, incurred {paid}"]


def _luck(cells: pd.DataFrame) -> list[str]:
    """What the luck of one training is worth, for each task where repeats tell."""
    return [
        f"{task}: trainings on the same rows differ by a standard deviation of {100 * deviation:.1f} points"
        for task, seeds in seed_scores(cells).groupby("task")
        if not math.isnan(deviation := training_luck(seeds))
    ]


def _words(plan: Mapping[Hashable, Any]) -> str:
    bought = strategy_of(plan["strategy"]).bought(plan)
    return f"{points_of_100(plan['score'], plan['score_margin'])} {bought} {dollars(plan['cost'])}"


def _winner(group: pd.DataFrame, seeds: pd.DataFrame) -> str:
    ranked = group.sort_values("score", ascending=False, kind="stable")
    first = str(ranked["strategy"].iloc[0])
    if len(ranked) == 1:
        return first
    chance = paired(seeds, int(ranked["plan"].iloc[0]), int(ranked["plan"].iloc[1]))
    return first if chance is not None and chance >= LEVEL else f"{first}?"
