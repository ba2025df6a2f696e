"""A problem: a space of allocations, and what each of them would score, known without training anything.

The score of a candidate is the surface's expected score plus luck: that of its teacher, shared by all students of
one teacher artifact, that of its student, and now and then a training that goes wrong. Luck is drawn from a hash of
the problem and the candidate, so every method sees the same score for the same candidate, in whatever order it asks.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from raydoa.errors import UserError
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate
from raydoa.search.space import Space

Surface = Callable[[Point], float]
"""Expected score, 0 to 1, of any point: sub-sampled labels and small pools as well."""

FRONTIER = (8, 4, 2, 1)
"""Budgets of the frontier: B divided by each of these."""


@dataclass(frozen=True)
class Noise:
    """Standard deviations of scores, in units of score, at the N labels that are owned.

    Attributes:
        teacher: of the effect that all students of one teacher share.
        student: of a student's own.
        outliers: how often a training goes wrong.
        outlier_drop: what it then loses at most; a third of it at least.
        by_labels: scores of fewer labels scatter more, and of more labels less, by (N / labels) to this power.
    """

    teacher: float
    student: float
    outliers: float = 0.0
    outlier_drop: float = 0.15
    by_labels: float = 0.3


@dataclass(frozen=True)
class Problem:
    """One task to search on.

    Attributes:
        name: unique; luck is drawn from it.
        family: of its surface, for the tables.
        space: what can be proposed, its prices and its budget B.
        surface: the expected score.
        noise: how scores scatter.
    """

    name: str
    family: str
    space: Space
    surface: Surface
    noise: Noise

    def measure(self, candidate: Candidate) -> float:
        """The score of a candidate, the same each time."""
        point, noise = candidate.point, self.noise
        owned = self.space.costs.owned
        scale = (owned / point.labels) ** noise.by_labels
        luck = self._luck("student", candidate)
        score = self.surface(point) + scale * noise.student * luck.gauss(0, 1)
        if luck.random() < noise.outliers:
            score -= noise.outlier_drop * luck.uniform(1 / 3, 1)
        if candidate.artifact is not None:
            score += scale * noise.teacher * self._luck("teacher", candidate.artifact).gauss(0, 1)
        return min(1.0, max(0.0, score))

    def _luck(self, of: str, what: Candidate | tuple[str, int, int]) -> random.Random:
        """A generator of its own for each artifact and candidate."""
        if isinstance(what, Candidate):
            point = what.point
            key = (point.labels, point.teacher, point.u, point.student_steps, what.repeat)
        else:
            key = what
        return random.Random("/".join(map(str, (self.name, of, *key))))

    @cached_property
    def best(self) -> float:
        """The best expected score of a plan at B."""
        return self.best_at(self.space.budget_usd)

    def best_at(self, budget_usd: float) -> float:
        """The best expected score of a plan at another budget.

        Raises:
            UserError: that budget pays for no plan.
        """
        return max(map(self.surface, plans_of(self.space, budget_usd)))

    @cached_property
    def frontier(self) -> dict[float, float]:
        """Best expected score by budget, for the budgets that pay for a plan."""
        found = {}
        for part in FRONTIER:
            budget = self.space.budget_usd / part
            try:
                found[budget] = self.best_at(budget)
            except UserError:
                continue
        return found

    def regret(self, plan: Point, best: float | None = None) -> float:
        """What a plan's expected score lacks of the best, as a share of the best; 0 if it is better."""
        best = self.best if best is None else best
        return max(0.0, 1 - self.surface(plan) / best)

    @property
    def winner(self) -> str:
        """The strategy of the best plan."""
        return strategy(self.space, max(plans_of(self.space), key=self.surface))


def strategy(space: Space, plan: Point) -> str:
    """What a plan is called."""
    if not plan.teacher:
        return "annotate"
    return "mixed" if plan.labels > space.costs.owned else "distill"


@lru_cache(maxsize=64)
def plans_of(space: Space, budget_usd: float | None = None) -> tuple[Point, ...]:
    """`Space.plans`, kept: samplers ask for it at every step."""
    return tuple(space.plans(budget_usd))


def within(problem: Problem, plans: Iterable[Point], regret: float) -> float:
    """The share of plans with at most so much regret."""
    regrets = [problem.regret(plan) for plan in plans]
    return sum(found <= regret for found in regrets) / len(regrets)
