"""A problem: a space of plans, and what each of them would score, known without training anything.

The score of a plan is the surface's expected score plus luck: that of its teacher, shared by all students of
one teacher artifact, that of its student, and now and then a training that goes wrong. Luck is drawn from a hash of
the problem and the plan, so every method sees the same score for the same plan, in whatever order it asks.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from raydoa.costs.plan import Plan
from raydoa.errors import UserError
from raydoa.search.space import Space

from .prices import labels_of

Surface = Callable[[Plan], float]
"""Expected score, 0 to 1, of any plan: sub-sampled labels and small pools as well."""

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

    def measure(self, plan: Plan) -> float:
        """The score of a plan, the same each time."""
        noise, labels, teacher = self.noise, labels_of(plan), plan.choice("teacher")
        scale = (self.space.question.n / labels) ** noise.by_labels
        quantities = (plan.quantity("pseudo_labels"), plan.quantity("student"))
        luck = self._luck("student", labels, teacher or "", *quantities, plan.repeat)
        score = self.surface(plan) + scale * noise.student * luck.gauss(0, 1)
        if luck.random() < noise.outliers:
            score -= noise.outlier_drop * luck.uniform(1 / 3, 1)
        if teacher is not None:
            luck = self._luck("teacher", teacher, labels, plan.repeat)
            score += scale * noise.teacher * luck.gauss(0, 1)
        return min(1.0, max(0.0, score))

    def _luck(self, of: str, *key: object) -> random.Random:
        """A generator of its own for each teacher and student."""
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
        best = {}
        for part in FRONTIER:
            budget = self.space.budget_usd / part
            try:
                best[budget] = self.best_at(budget)
            except UserError:
                continue
        return best

    def regret(self, plan: Plan, best: float | None = None) -> float:
        """What a plan's expected score lacks of the best, as a share of the best; 0 if it is better."""
        best = self.best if best is None else best
        return max(0.0, 1 - self.surface(plan) / best)

    @property
    def winner(self) -> str:
        """The strategy of the best plan."""
        return self.space.strategy_of(max(plans_of(self.space), key=self.surface))


def plans_of(space: Space, budget_usd: float | None = None) -> list[Plan]:
    """`Space.plans`, which are kept."""
    return space.plans(budget_usd)


def within(problem: Problem, plans: Iterable[Plan], regret: float) -> float:
    """The share of plans with at most so much regret."""
    regrets = [problem.regret(plan) for plan in plans]
    return sum(of_plan <= regret for of_plan in regrets) / len(regrets)
