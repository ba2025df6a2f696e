"""Peers without a model: random search and a coarse grid. They recommend the plan that has scored best."""

import statistics
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from raydoa.search.ask_tell import Choice, Known
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate
from raydoa.search.space import Space

from .problems import plans_of


def payable(space: Space, point: Point) -> bool:
    """Whether a point is a plan at the space's budget."""
    costs = space.costs
    owned = point.labels >= costs.owned and costs.allowed(point)
    return owned and costs.items(point).total <= space.budget_usd


def best_seen(known: Known) -> Point:
    """The measured plan with the highest mean score; the cheapest plan if none was measured."""
    scores: dict[Point, list[float]] = defaultdict(list)
    for seen in known.observations:
        if seen.score is not None and payable(known.space, seen.candidate.point):
            scores[seen.candidate.point].append(seen.score)
    if not scores:
        return known.space.cheapest()[0]
    return max(scores, key=lambda point: statistics.fmean(scores[point]))


@dataclass(frozen=True)
class RandomPlans:
    """First a teacher (or none) at random, then one of its plans that are left and can be paid."""

    def choose(self, known: Known) -> Choice:
        """One plan."""
        random = np.random.default_rng([known.seed, len(known.observations)])
        by_teacher = defaultdict(list)
        for plan in plans_of(known.space):
            by_teacher[plan.teacher].append(plan)
        for teacher in random.permutation(sorted(by_teacher)):
            for number in random.permutation(len(by_teacher[teacher])):
                candidate = Candidate(by_teacher[teacher][number])
                if candidate not in known.tried and known.affordable([candidate]):
                    return Choice((candidate,), "at random")
        return Choice(why="no plan is left that can be paid", stop=True)

    def recommend(self, known: Known) -> Point:
        """What has scored best."""
        return best_seen(known)


@dataclass(frozen=True)
class CoarseGrid:
    """Some purchases of labels, some pools, every teacher, full training; the dearest first, then it is done.

    On development tasks this grid and this order knew soonest: labels are bought once, for all that come after.

    Attributes:
        purchases: shares of what B could buy.
        pools: how many sizes, from the largest that the plan can pay downwards in powers of eight.
    """

    purchases: tuple[float, ...] = (0.0, 0.4, 1.0)
    pools: int = 1

    def choose(self, known: Known) -> Choice:
        """The dearest cell that is left and can be paid."""
        for point in self.cells(known.space):
            candidate = Candidate(point)
            if candidate not in known.tried and known.affordable([candidate]):
                return Choice((candidate,), "the next of the grid")
        return Choice(why="the grid is measured", stop=True)

    def recommend(self, known: Known) -> Point:
        """What has scored best."""
        return best_seen(known)

    def cells(self, space: Space) -> list[Point]:
        """The grid's plans, by standalone cost, downwards."""
        plans = plans_of(space)
        most = max(plan.labels for plan in plans) - space.costs.owned
        wanted = [space.costs.owned + share * most for share in self.purchases]
        cells: set[Point] = set()
        for teacher in ("", *space.costs.by_name):
            of_teacher = [plan for plan in plans if plan.teacher == teacher]
            for labels in wanted:
                if of_teacher:
                    cells |= self._column(space, of_teacher, labels)
        return sorted(cells, key=lambda point: -space.costs.items(point).total)

    def _column(self, space: Space, plans: list[Point], labels: float) -> set[Point]:
        """Of the plans with that many labels or the next to it, fully trained, pools of a few sizes."""
        nearest = min({plan.labels for plan in plans}, key=lambda count: abs(count - labels))
        full = [
            plan
            for plan in plans
            if plan.labels == nearest
            and plan.student_steps == space.costs.full_steps(plan.labels, plan.teacher, plan.u)
        ]
        if not full:
            return set()
        largest = max(plan.u for plan in full)
        sizes = [largest / 8**power for power in range(self.pools)]
        return {min(full, key=lambda plan: abs(plan.u - size)) for size in sizes}
