"""What a sweep says, in words per task, N and budget: what to do, its score and cost, and what else there is.

Scores are in points of 100, with half of the 95% interval over seeds behind ±.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from raydoa.report.best_within_budget import KEYS, best_within, budgets_of
from raydoa.report.pareto import PANEL, seed_scores
from raydoa.report.seeds import LEVEL
from raydoa.report.strategies import strategy_of
from raydoa.report.win_probability import paired

Point = Mapping[Hashable, Any]
"""A row of `raydoa.report.pareto.points`."""


@dataclass(frozen=True)
class Sentence:
    """What was measured at one budget.

    Attributes:
        task: the task.
        n: labels owned.
        budget: dollars.
        text: one or two sentences.
    """

    task: str
    n: int
    budget: float
    text: str


def sentences(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> list[Sentence]:
    """The words for each task, N and budget, in that order."""
    best = best_within(cells, budgets)
    seeds = seed_scores(cells)
    said = []
    for task, n in sorted(set(cells[PANEL].itertuples(index=False, name=None))):
        panel = cells[(cells["task"] == task) & (cells["n"] == n)]
        for budget in budgets or budgets_of(cells):
            affordable = best[(best[KEYS] == [task, n, budget]).all(axis=1)]
            start = f"With {dollars(budget)} and {n:,} labels on {task}, "
            metric = str(panel["metric"].iloc[0])
            text = _answer(affordable, seeds, metric) if len(affordable) else _nothing(panel)
            said.append(Sentence(str(task), int(n), budget, start + text))
    return said


def points_of_100(score: float, margin: float, metric: str = "") -> str:
    """A score and half of its interval: ``61.3 ± 0.8 accuracy``; without an interval, that there is one seed."""
    value = f"{100 * score:.1f}" if pd.isna(margin) else f"{100 * score:.1f} ± {100 * margin:.1f}"
    return " ".join(filter(None, [value, metric, "(one seed)" if pd.isna(margin) else ""]))


def reached(point: Point) -> str:
    """What a rival comes to: ``Labels alone reach 43.2``."""
    subject = strategy_of(point["strategy"]).reaches(point)
    return f"{subject[:1].upper()}{subject[1:]} {100 * point['score']:.1f}"


def dollars(amount: float) -> str:
    """Whole dollars where they are whole, cents from ten cents up, and what is below cents where it matters."""
    if amount >= 1:
        return f"${amount:,.0f}" if amount == round(amount) or amount >= 100 else f"${amount:,.2f}"
    return f"${amount:.2f}" if amount >= 0.1 or amount == round(amount, 2) else f"${amount:.4f}"


def _answer(best: pd.DataFrame, seeds: pd.DataFrame, metric: str) -> str:
    first, *others = best.sort_values("score", ascending=False, kind="stable").to_dict("records")
    score = points_of_100(first["score"], first["score_margin"], metric)
    order = strategy_of(first["strategy"]).order(first)
    text = f"{order}: {score} for {dollars(first['cost'])}."
    if not others:
        return f"{text} Nothing else was measured for that money."
    rival = _rival(others)
    text = f"{text} {reached(rival)}"
    chance = paired(seeds, first["plan"], rival["plan"])
    if chance is None:
        return f"{text}, and one seed cannot tell which is better."
    if chance < LEVEL:
        return f"{text}, too close to call: the first is better with a probability of {int(100 * chance)}%."
    return f"{text}."


def _rival(others: Sequence[Point]) -> Point:
    """What the best is held against: a baseline, if there is another; else the next best."""
    baselines = (point for point in others if strategy_of(point["strategy"]).is_baseline)
    return next(baselines, others[0])


def _nothing(panel: pd.DataFrame) -> str:
    infeasible = panel[~panel["feasible"]]
    if len(infeasible) == len(panel):
        cell, reason = infeasible[["cell", "infeasible_reason"]].iloc[0]
        return f"every plan is unaffordable, such as {cell}: {reason}."
    return "nothing that was measured costs so little."
