"""The examples of a report: for each question, of the plan that is best and what the sentence holds against it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from raydoa.report.best_within_budget import KEYS, best_within
from raydoa.report.examples.compare import Json, compare
from raydoa.report.examples.evaluations import Evaluations, Unreadable
from raydoa.report.pareto import measured_by_plan
from raydoa.report.sentence import order_of_rivals

MOST_PAIRS = 30


@dataclass(frozen=True)
class Pair:
    """Two plans, by their numbers in `raydoa.report.pareto.points`, and the first question that is about both."""

    task: str
    n: int
    budget: float
    plan: int
    rival: int


def gather(cells: pd.DataFrame, budgets: Sequence[float], stores: Sequence[str], *, texts: bool) -> Json:  # fmt: skip
    """What the page shows: ``pairs``, and ``why`` some are not there, in a line, or None.

    Args:
        cells: rows of `raydoa.report.results.load`, repriced or not.
        budgets: dollars, smallest first.
        stores: URLs of the stores that have the artifacts.
        texts: whether what rows say is part of it.
    """
    evaluations, found, why = Evaluations(stores), [], None
    keys = _keys(cells)
    for pair in list(pairs_of(cells, budgets))[:MOST_PAIRS]:
        try:
            found.append(_compared(pair, keys, evaluations, texts=texts))
        except Unreadable as reason:
            why = why or str(reason)
    return {"pairs": found, "why": why, "texts": texts}


def pairs_of(cells: pd.DataFrame, budgets: Sequence[float]) -> Iterator[Pair]:
    """Each pair once; those of the middle budget first, which a page opens with."""
    best = best_within(cells, budgets).sort_values([*KEYS, "rank"])
    middle = budgets[len(budgets) // 2]
    known = set()
    for budget in sorted(budgets, key=lambda usd: usd != middle):
        for _, plans in best[best["budget"] == budget].groupby(KEYS):
            first, *others = plans.to_dict("records")
            if not others:
                continue
            rival = min(others, key=order_of_rivals)
            numbers = int(first["plan"]), int(rival["plan"])
            if numbers not in known:
                known.add(numbers)
                yield Pair(str(first["task"]), int(first["n"]), float(budget), *numbers)


def _keys(cells: pd.DataFrame) -> dict[int, dict[tuple[int, int], str]]:
    """The evaluations of each plan, by seed and repeat."""
    keys: dict[int, dict[tuple[int, int], str]] = {}
    for row in measured_by_plan(cells).sort_values(["seed", "repeat"]).to_dict("records"):
        trainings = keys.setdefault(int(row["plan"]), {})
        trainings[int(row["seed"]), int(row["repeat"])] = str(row["key_evaluation"])
    return keys


def _compared(
    pair: Pair, keys: dict[int, dict[tuple[int, int], str]], evaluations: Evaluations, *, texts: bool
) -> Json:  # fmt: skip
    ours, theirs = keys[pair.plan], keys[pair.rival]
    shared = [training for training in ours if training in theirs]
    if not shared:
        raise Unreadable("the two plans have no seed in common")
    seed = shared[0]
    first, second = evaluations.of(ours[seed]), evaluations.of(theirs[seed])
    about = {"task": pair.task, "n": pair.n, "budget": pair.budget, "seed": seed[0]}
    return {
        **about,
        "plan": pair.plan,
        "rival": pair.rival,
        **compare(first, second, texts=texts),
    }
