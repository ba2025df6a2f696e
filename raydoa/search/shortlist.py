"""What may be worth measuring: of thousands of plans, those that can change which one is recommended."""

from collections.abc import Iterator, Sequence

import numpy as np

from raydoa.search.ask_tell import Known
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate
from raydoa.search.space import Space
from raydoa.search.surrogate.laws import Array
from raydoa.search.surrogate.surface import Surface

_SHORTLIST = 150
_OF_EACH = 3
_MOST_TRAININGS = 3


def shortlist(surface: Surface, plans: Sequence[Point]) -> tuple[Point, ...]:
    """The plans that may turn out best, a few of each teacher and number of labels."""
    mean, sd = surface.mean_and_sd(plans)
    best_first: Array = -(mean + sd)
    order = [plans[i] for i in np.argsort(best_first, kind="stable")]
    return tuple(_few_of_each(order, _OF_EACH))[:_SHORTLIST]


def cheapest(space: Space) -> list[Point]:
    """The cheapest plan of each teacher and number of labels."""
    order = sorted(space.plans(), key=lambda point: space.costs.items(point).total)
    return list(_few_of_each(order, 1))


def _few_of_each(order: Sequence[Point], most: int) -> Iterator[Point]:
    seen: dict[tuple[str, int], int] = {}
    for point in order:
        group = (point.teacher, point.labels)
        seen[group] = seen.get(group, 0) + 1
        if seen[group] <= most:
            yield point


def hopeful(surface: Surface, plans: Sequence[Point]) -> set[Point]:
    """The plans that may well be the best."""
    mean, sd = surface.mean_and_sd(plans)
    may_be: list[bool] = (mean + sd >= mean.max()).tolist()
    return {plan for plan, one in zip(plans, may_be, strict=True) if one}


def again(known: Known, plans: set[Point]) -> list[Candidate]:
    """Plans that were measured, once more or twice: the luck of one training may have been good, or bad."""
    scored = {o.candidate for o in known.observations if o.score is not None}
    last: dict[Point, int] = {}
    for candidate in known.tried:
        point = candidate.point
        last[point] = max(last.get(point, 0), candidate.repeat)
    return [
        Candidate(point, repeat + 1)
        for point, repeat in sorted(last.items())
        if point in plans and Candidate(point, repeat) in scored and repeat + 1 < _MOST_TRAININGS
    ]


def on_one_teacher(candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, ...]]:
    """Of each teacher, a pool with a small part of it, and with the smallest as well."""
    by_teacher: dict[tuple[object, ...], list[Candidate]] = {}
    for candidate in candidates:
        if candidate.artifact is not None:
            by_teacher.setdefault(candidate.artifact, []).append(candidate)
    for pools in by_teacher.values():
        pools.sort(key=lambda candidate: (candidate.point.u, -candidate.point.student_steps))
        for position in range(2, len(pools)):
            yield (pools[0], pools[position])
            if position >= 4:
                yield (pools[0], pools[position // 2], pools[position])
