"""Searches that others would use, for comparison: a coarse grid, and chance.

They know the space of plans and what each costs, as every search here does; that trials share artifacts, or that a
score follows a law, they do not. They recommend the best plan that they have seen, and stop when no plan is left that
they could pay for. Those of Optuna are in `raydoa.search.optuna_samplers`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from raydoa.search.ask_tell import Choice, Known
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate

NOTHING_LEFT = "no plan is left that was not tried and that the limit pays for"


def mean_scores(known: Known) -> dict[Point, float]:
    """Score of each plan at the budget that was measured: the mean where that was done more than once."""
    found: dict[Point, list[float]] = {}
    for told in known.observations:
        if told.score is not None:
            found.setdefault(told.candidate.point, []).append(told.score)
    plans = set(known.space.plans())
    return {point: fmean(scores) for point, scores in found.items() if point in plans}


def best_seen(known: Known) -> Point:
    """The plan with the best score, the cheaper of two; the cheapest there is while none has a score."""
    costs, scores = known.space.costs, mean_scores(known)
    if not scores:
        return min(known.space.plans(), key=lambda point: (costs.items(point).total, point))
    return max(scores, key=lambda point: (scores[point], -costs.items(point).total, point))


def open_plans(known: Known) -> list[Candidate]:
    """Plans that were not tried and that what is left pays for."""
    tried = known.tried
    candidates = (Candidate(point) for point in known.space.plans())
    return [c for c in candidates if c not in tried and known.affordable([c])]


@dataclass(frozen=True)
class Random:
    """Any plan, as likely as any other."""

    def choose(self, known: Known) -> Choice:
        """Draw one."""
        left = open_plans(known)
        if not left:
            return Choice(why=NOTHING_LEFT, stop=True)
        return Choice((draws(known).choice(left),), "drawn at random")

    def recommend(self, known: Known) -> Point:
        """The best plan that was measured."""
        return best_seen(known)


@dataclass(frozen=True)
class Grid:
    """A coarse grid over teachers, purchases and pools, every student under the recipe's epochs; cheapest first."""

    rungs: int = 4

    def choose(self, known: Known) -> Choice:
        """The next cell of the grid."""
        tried, costs = known.tried, known.space.costs
        cells = [Candidate(point) for point in self.points(known)]
        left = [c for c in cells if c not in tried and known.affordable([c])]
        if not left:
            done = all(c in tried for c in cells)
            return Choice(why="the grid is measured" if done else NOTHING_LEFT, stop=True)
        first = min(left, key=lambda c: (costs.items(c.point).total, c))
        return Choice((first,), f"the next of a grid of {len(cells)} plans")

    def recommend(self, known: Known) -> Point:
        """The best plan that was measured."""
        return best_seen(known)

    def points(self, known: Known) -> list[Point]:
        """The plans that lie on the grid."""
        space = known.space
        purchases = set(_spread(space.purchases(space.budget_usd), self.rungs))
        pools = {0, *_spread(space.pools(), self.rungs)}
        on_grid = [
            point
            for point in space.plans()
            if point.labels in purchases
            and point.u in pools
            and point.student_steps == space.costs.full_steps_of(point)
        ]
        return on_grid or space.plans()[:1]


def draws(known: Known) -> random.Random:
    """Chance that is the same whenever as much is known."""
    return random.Random(f"{known.seed} {len(known.observations) + len(known.pending)}")


def _spread(values: Sequence[int], count: int) -> list[int]:
    """Some of the values, evenly, both ends among them."""
    if len(values) <= count:
        return list(values)
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]
