"""What may be worth measuring: of thousands of plans, those that can change which one is recommended."""

from collections.abc import Iterator, Sequence

import numpy as np

from raydoa.costs.items.item import gold_rows
from raydoa.costs.plan import Choices, Plan
from raydoa.search.sampler import SearchState
from raydoa.search.space import Space
from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.surface import Surface

_SHORTLIST = 150
_OF_EACH = 3
MOST_TRAININGS = 3


def shortlist(surface: Surface, plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """The plans that may turn out best, a few of each teacher and number of labels."""
    mean, sd = surface.mean_and_sd(plans)
    best_first: Array = -(mean + sd)
    order = [plans[i] for i in np.argsort(best_first, kind="stable")]
    return tuple(_few_of_each(order, _OF_EACH))[:_SHORTLIST]


def cheapest(space: Space) -> list[Plan]:
    """The cheapest plan of each teacher and number of labels."""
    return list(_few_of_each(sorted(space.plans(), key=space.cost_micro_usd), 1))


def _few_of_each(order: Sequence[Plan], most: int) -> Iterator[Plan]:
    counts: dict[tuple[Choices, int], int] = {}
    for plan in order:
        group = (plan.choices, gold_rows(plan))
        counts[group] = counts.get(group, 0) + 1
        if counts[group] <= most:
            yield plan


def hopeful(surface: Surface, plans: Sequence[Plan]) -> set[Plan]:
    """The plans that may well be the best."""
    mean, sd = surface.mean_and_sd(plans)
    may_be: list[bool] = (mean + sd >= mean.max()).tolist()
    return {plan for plan, good in zip(plans, may_be, strict=True) if good}


def repeats(state: SearchState, plans: set[Plan]) -> list[Plan]:
    """Plans that were measured, once more or twice: the luck of one training may have been good, or bad."""
    scored = {o.plan for o in state.observations if o.score is not None}
    last: dict[Plan, int] = {}
    for tried in state.tried:
        plan = tried.repeated(0)
        last[plan] = max(last.get(plan, 0), tried.repeat)
    return [
        plan.repeated(repeat + 1)
        for plan, repeat in sorted(last.items())
        if plan in plans and plan.repeated(repeat) in scored and repeat + 1 < MOST_TRAININGS
    ]
