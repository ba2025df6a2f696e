"""Peers without a model: random search and a coarse grid. They recommend the plan that has scored best."""

import statistics
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from raydoa.costs.plan import Plan
from raydoa.search.sampler import SearchState, Suggestion
from raydoa.search.space import Space

from .prices import labels_of
from .problems import plans_of


def payable(space: Space, plan: Plan) -> bool:
    """Whether a plan has all owned labels, and the space's budget pays for it."""
    return plan.n == space.question.n and space.cost_usd(plan) <= space.budget_usd


def best_seen(state: SearchState) -> Plan:
    """The measured plan with the highest mean score; the cheapest plan if none was measured."""
    scores: dict[Plan, list[float]] = defaultdict(list)
    for seen in state.observations:
        if seen.score is not None and payable(state.space, seen.plan):
            scores[seen.plan.repeated(0)].append(seen.score)
    if not scores:
        return state.space.cheapest()
    return max(scores, key=lambda plan: statistics.fmean(scores[plan]))


def teacher_of(plan: Plan) -> str:
    """Its name; "" where there is none."""
    return plan.choice("teacher") or ""


@dataclass(frozen=True)
class RandomPlans:
    """First a teacher (or none) at random, then one of its plans that are left and can be paid."""

    def suggest(self, state: SearchState) -> Suggestion:
        """One plan."""
        random = np.random.default_rng([state.seed, len(state.observations)])
        by_teacher = defaultdict(list)
        for plan in plans_of(state.space):
            by_teacher[teacher_of(plan)].append(plan)
        tried = state.tried
        for teacher in random.permutation(sorted(by_teacher)):
            for number in random.permutation(len(by_teacher[teacher])):
                plan = by_teacher[teacher][number]
                if plan not in tried and state.affordable(plan):
                    return Suggestion(plan, "at random")
        return Suggestion(why="no plan is left that can be paid", stop=True)

    def recommend(self, state: SearchState) -> Plan:
        """What has scored best."""
        return best_seen(state)


@dataclass(frozen=True)
class ExpensiveFirst:
    """A grid of some purchases of labels, some pools, every teacher, full training; the most expensive plan first.

    On development tasks this grid and this order knew soonest: labels are bought once, for all that come after.

    Attributes:
        purchases: shares of what B could buy.
        pools: how many sizes, from the largest that the plan can pay downwards in powers of eight.
    """

    purchases: tuple[float, ...] = (0.0, 0.4, 1.0)
    pools: int = 1

    def suggest(self, state: SearchState) -> Suggestion:
        """The most expensive plan that is left and can be paid."""
        tried = state.tried
        for plan in self.plans(state.space):
            if plan not in tried and state.affordable(plan):
                return Suggestion(plan, "the next of the grid")
        return Suggestion(why="the grid is measured", stop=True)

    def recommend(self, state: SearchState) -> Plan:
        """What has scored best."""
        return best_seen(state)

    def plans(self, space: Space) -> list[Plan]:
        """The grid's plans, by standalone cost, downwards."""
        plans, owned = plans_of(space), space.question.n
        most = max(labels_of(plan) for plan in plans) - owned
        wanted = [owned + share * most for share in self.purchases]
        grid: set[Plan] = set()
        for teacher in ("", *space.question.teachers):
            of_teacher = [plan for plan in plans if teacher_of(plan) == teacher]
            for labels in wanted:
                if of_teacher:
                    grid |= self._column(space, of_teacher, labels)
        return sorted(grid, key=lambda plan: (-space.cost_micro_usd(plan), plan))

    def _column(self, space: Space, plans: list[Plan], labels: float) -> set[Plan]:
        """Of the plans with that many labels or the next to it, fully trained, pools of a few sizes."""
        nearest = min({labels_of(plan) for plan in plans}, key=lambda count: abs(count - labels))
        full = [
            plan
            for plan in plans
            if labels_of(plan) == nearest
            and plan.quantity("student") == space.question.limits("student", plan)[1]
        ]
        if not full:
            return set()
        largest = max(plan.quantity("pseudo_labels") for plan in full)
        sizes = [largest / 8**power for power in range(self.pools)]
        return {
            min(full, key=lambda plan: abs(plan.quantity("pseudo_labels") - size)) for size in sizes
        }
