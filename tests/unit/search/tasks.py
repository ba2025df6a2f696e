"""A task with three teachers and a law that is known."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from benchmarks.searching.prices import (
    TabulatedPrices,
    TeacherPrices,
    Training,
    epochs_share,
    labels_of,
    plan_of,
    question_at,
    recipes_of,
)
from raydoa.costs.items.teacher import teacher_of
from raydoa.costs.plan import Plan
from raydoa.costs.question import Supply
from raydoa.search.space import Space
from raydoa.search.surrogate.surface import Measured

OWNED = 200
_TEACHERS = tuple(
    TeacherPrices(name, size, 1e-3 * size / 1e9, 1e-5 * size / 1e9, 3e-5)
    for name, size in {"small": 2.5e8, "middle": 8e8, "large": 1.1e10}.items()
)
QUESTION = question_at(
    TabulatedPrices(0.25, 2e-5, _TEACHERS),
    "lawful",
    OWNED,
    recipes_of(Training(32, 20), Training(32, 50), Training(32, 50)),
    Supply(5000, 5000),
    shard_rows=100,
)


@cache
def space(budget_usd: float = 20.0) -> Space:
    """Its plans for a budget."""
    return Space(QUESTION, budget_usd)


def plan(labels: int, teacher: str | None = None, rows: int = 0) -> Plan:
    """One of its plans, trained as long as the recipe says."""
    return plan_of(QUESTION, labels, teacher, rows)


def law(plan: Plan) -> float:
    """A power law without noise; distillation is better than annotation at every budget of the tests."""
    teacher, labels = plan.choice("teacher"), labels_of(plan)
    if teacher is None:
        return 1 - (0.2 + 0.35 * (labels / OWNED) ** -0.3)
    size, share = QUESTION.sizes[teacher] / 8e8, epochs_share(plan, QUESTION)
    gold = labels if plan.quantity("labels") else 0
    rows = (plan.quantity("pseudo_labels") + gold) * share**0.5
    return 1 - (0.1 + 0.2 * size**-0.15 * (labels / OWNED) ** -0.35 + 0.1 * (rows / 1000) ** -0.3)


def some_plans(count: int, seed: int) -> list[Plan]:
    """Probes and plans, drawn."""
    random = np.random.default_rng(seed)
    plans = sorted({*space().plans(), *space().probes(20.0)}, key=by_quantities)
    return [plans[i] for i in random.choice(len(plans), count, replace=False)]


def by_quantities(plan: Plan) -> tuple[int, str, int, int]:
    """A key to sort by, whatever a plan's own order is."""
    rows, steps = plan.quantity("pseudo_labels"), plan.quantity("student")
    return labels_of(plan), plan.choice("teacher") or "", rows, steps


def measured(
    plans: Sequence[Plan],
    seed: int,
    noise: float = 0.004,
    truth: Callable[[Plan], float] = law,
) -> list[Measured]:
    """Scores of the law with noise; each teacher and number of labels is one artifact, without luck."""
    random = np.random.default_rng(seed)
    return [
        Measured(plan, truth(plan) + noise * random.normal(), teacher_of(plan)) for plan in plans
    ]
