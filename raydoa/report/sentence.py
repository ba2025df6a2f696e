"""What a sweep says, in words per task, N and budget: what to do, its score and cost, and what else there is.

Scores are in points of 100, with half of the 95% interval over seeds behind ±.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from raydoa.report.best_within_budget import KEYS, best_within, budgets_of
from raydoa.report.majority import constant_of
from raydoa.report.pareto import PANEL, awaits_labels, seed_scores
from raydoa.report.seeds import LEVEL, paired, score_table
from raydoa.report.strategies import strategy_of
from raydoa.report.wording import fill, percent, points

Point = Mapping[Hashable, Any]
"""A row of `raydoa.report.pareto.points`."""

TEMPLATES: Mapping[str, str] = {
    "asked": "With {budget:dollars} and {n:count} labels on {task}, ",
    "best": "{order}: {scored} for {cost:dollars}. ",
    "no_better": "nothing that was measured for that money is better than {constant}. The nearest to it is to {order}: {scored} for "
    "{cost:dollars}.",
    "alone": "Nothing else was measured for that money.",
    "too_dear": "nothing that was measured costs so little.",
    "all_await": "every plan that can be paid awaits labels, such as {cell}: {infeasible_reason}.",
    "none_feasible": "every plan is infeasible, such as {cell}: {infeasible_reason}.",
}
"""Of the sentence, here and on the page."""


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
    best = best_within(cells, budgets).sort_values("rank")
    scores = score_table(seed_scores(cells))
    said = []
    for task, n in sorted(set(cells[PANEL].itertuples(index=False, name=None))):
        of_task = cells[cells["task"] == task]
        panel = of_task[of_task["n"] == n]
        metric = str(panel["metric"].iloc[0])
        for budget in budgets or budgets_of(cells):
            plans = best[(best[KEYS] == [task, n, budget]).all(axis=1)].to_dict("records")
            asked = fill(TEMPLATES["asked"], {"task": task, "n": n, "budget": budget})
            if not plans:
                text = _nothing(panel)
            elif plans[0]["better"]:
                text = _answer(plans, scores, metric)
            else:
                text = _no_better(plans[0], metric, constant_of(of_task))
            said.append(Sentence(str(task), int(n), budget, asked + text))
    return said


def points_of_100(score: float, margin: float, metric: str = "") -> str:
    """A score and half of its interval: ``61.3 ± 0.8 accuracy``; without an interval, that there is one seed."""
    value = points(score) if pd.isna(margin) else f"{points(score)} ± {points(margin)}"
    return " ".join(filter(None, [value, metric, "(one seed)" if pd.isna(margin) else ""]))


def described(point: Point, metric: str) -> dict[str, str]:
    """What the slots of a sentence say of a plan: what to do, its score, and what it reaches as a rival."""
    strategy = strategy_of(point["strategy"])
    subject = strategy.reaches(point)
    return {
        "order": strategy.order(point),
        "scored": points_of_100(point["score"], point["score_margin"], metric),
        "reached": f"{subject[:1].upper()}{subject[1:]} {points(point['score'])}",
    }


def order_of_rivals(point: Point) -> tuple[bool, int]:
    """The least of these is what the best plan is held against: a baseline, if there is another; else the next best."""
    return not strategy_of(point["strategy"]).is_baseline, point["rank"]


def doubt(chance: float) -> str:
    """What follows the rival, by P(the best is better than it), which is nan for one seed."""
    if math.isnan(chance):
        return ", and one seed cannot tell which is better."
    if chance >= LEVEL:
        return "."
    return f", too close to call: the first is better with a probability of {percent(chance)}."


def _answer(plans: Sequence[Point], scores: pd.DataFrame, metric: str) -> str:
    first, *others = plans
    text = fill(TEMPLATES["best"], {**first, **described(first, metric)})
    if not others:
        return text + TEMPLATES["alone"]
    rival = min(others, key=order_of_rivals)
    [chance] = paired(scores, [first["plan"]], [rival["plan"]])["chance"]
    return text + described(rival, metric)["reached"] + doubt(chance)


def _no_better(best: Point, metric: str, constant: str | None) -> str:
    said = described(best, metric) | {"constant": str(constant)}
    return fill(TEMPLATES["no_better"], {**best, **said})


def _nothing(panel: pd.DataFrame) -> str:
    feasible, awaits = panel["feasible"], awaits_labels(panel)
    if not feasible.any():
        return fill(TEMPLATES["none_feasible"], panel.iloc[0].to_dict())
    if (awaits == feasible).all():
        return fill(TEMPLATES["all_await"], panel[awaits].iloc[0].to_dict())
    return TEMPLATES["too_dear"]
