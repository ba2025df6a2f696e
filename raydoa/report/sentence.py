"""What a sweep says, in a sentence per task, N and budget: what to do, its score and cost, and what else there is.

Scores are told in points of 100, with half of the 95% interval over seeds behind +-.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from raydoa.report.best_within_budget import KEYS, best_within, budgets_of
from raydoa.report.pareto import PANEL, seed_scores
from raydoa.report.seeds import LEVEL
from raydoa.report.table import short_name
from raydoa.report.win_probability import paired

Plan = Mapping[Hashable, Any]


@dataclass(frozen=True)
class Sentence:
    """What was found at one budget.

    Attributes:
        task: the task.
        n: labels owned.
        budget: dollars.
        text: the sentence, without a full stop.
    """

    task: str
    n: int
    budget: float
    text: str


def sentences(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> list[Sentence]:
    """One sentence per task, N and budget, in that order."""
    best = best_within(cells, budgets)
    seeds = seed_scores(cells)
    found = []
    for task, n in sorted(set(cells[PANEL].itertuples(index=False, name=None))):
        panel = cells[(cells["task"] == task) & (cells["n"] == n)]
        for budget in budgets or budgets_of(cells):
            here = best[(best[KEYS] == [task, n, budget]).all(axis=1)]
            start = f"With {dollars(budget)} and {n:,} labels on {task}: "
            text = _found(here, seeds) if len(here) else _nothing(panel)
            found.append(Sentence(str(task), int(n), budget, start + text))
    return found


def points_of_100(score: float, margin: float) -> str:
    """A score and half of its interval: ``61.3 +- 0.8``; without an interval, that there is one seed."""
    return (
        f"{100 * score:.1f} (one seed)"
        if pd.isna(margin)
        else f"{100 * score:.1f} ± {100 * margin:.1f}"
    )


def dollars(amount: float) -> str:
    """Whole dollars where they are whole, cents from a dollar up, and what is below cents where it matters."""
    if amount >= 1:
        return f"${amount:,.0f}" if amount == round(amount) or amount >= 100 else f"${amount:,.2f}"
    return f"${amount:.2f}" if amount == round(amount, 2) else f"${amount:.4f}"


def _found(best: pd.DataFrame, seeds: pd.DataFrame) -> str:
    ranked = best.sort_values("score", ascending=False, kind="stable").to_dict("records")
    first = ranked[0]
    score = points_of_100(first["score"], first["score_margin"])
    text = f"{_order(first)}, {score}, {dollars(first['cost'])}"
    if len(ranked) == 1:
        return f"{text}; nothing else was measured for that money"
    rival = _rival(ranked)
    text += f"; {_noun(rival)} reaches {100 * rival['score']:.1f}"
    chance = paired(seeds, first["plan"], rival["plan"])
    if chance is None:
        return f"{text}, and one seed cannot tell which is better"
    if chance < LEVEL:
        return f"{text}, too close to call: the first is better with a probability of {int(100 * chance)}%"
    return text


def _rival(ranked: Sequence[Plan]) -> Plan:
    """What the best is held against: annotating, if it is something else; the next best, if it is that."""
    others = ranked[1:]
    return next((plan for plan in others if plan["strategy"] == "annotate"), others[0])


def _order(plan: Plan) -> str:
    """What to do."""
    labels = f"buy {plan['labels']:,} labels"
    if plan["strategy"] == "annotate":
        return (
            labels
            if plan["labels"]
            else f"train {short_name(plan['student'])} on the labels that are owned"
        )
    taught = f"{_verb(plan)} over {int(plan['pseudo_labels']):,}"
    return f"{labels} and {taught}" if plan["labels"] else taught


def _verb(plan: Plan) -> str:
    if plan["strategy"] == "self_distill":
        return f"distil {short_name(plan['student'])} from itself"
    return f"distil {short_name(plan['teacher'])}"


def _noun(plan: Plan) -> str:
    if plan["strategy"] == "annotate":
        return "annotating"
    teacher = "itself" if plan["strategy"] == "self_distill" else short_name(plan["teacher"])
    mixed = f"buying {plan['labels']:,} labels and " if plan["labels"] else ""
    return f"{mixed}distilling {teacher} over {int(plan['pseudo_labels']):,}"


def _nothing(panel: pd.DataFrame) -> str:
    unpaid = panel[~panel["feasible"]]
    if len(unpaid) == len(panel):
        return f"nothing can be paid, such as {unpaid['cell'].iloc[0]}: {unpaid['infeasible_reason'].iloc[0]}"
    return "nothing that was measured costs so little"
