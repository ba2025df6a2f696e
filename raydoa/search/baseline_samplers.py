"""Searches that others would use, for comparison: a coarse grid, and chance.

They know the space of plans and what each costs, as every search here does; that trials share artifacts, or that a
score follows a law, they do not. They recommend the best plan that they have seen, and stop when no plan is left that
they could pay for. Those of Optuna are in `raydoa.search.optuna_samplers`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from raydoa.costs.items import ITEMS, CostItem
from raydoa.costs.plan import Plan
from raydoa.search.sampler import SearchState, Suggestion

NOTHING_LEFT = "no plan is left that was not tried and that the limit pays for"


def mean_scores(state: SearchState) -> dict[Plan, float]:
    """Score of each plan at the budget that was measured: the mean where that was done more than once."""
    scores: dict[Plan, list[float]] = {}
    for observation in state.observations:
        if observation.score is not None:
            scores.setdefault(observation.plan.repeated(0), []).append(observation.score)
    plans = set(state.space.plans())
    return {plan: fmean(of_plan) for plan, of_plan in scores.items() if plan in plans}


def best_seen(state: SearchState) -> Plan:
    """The plan with the best score, the cheaper of two; the cheapest that could have one while none has."""
    cost, scores = state.space.cost_micro_usd, mean_scores(state)
    if not scores:
        return min(state.space.measurable_plans(), key=lambda plan: (cost(plan), plan))
    return max(scores, key=lambda plan: (scores[plan], -cost(plan), plan))


def open_plans(state: SearchState) -> list[Plan]:
    """Plans that can be measured, were not tried, and that what is left pays for."""
    tried, plans = state.tried, state.space.measurable_plans()
    return [plan for plan in plans if plan not in tried and state.affordable(plan)]


@dataclass(frozen=True)
class Random:
    """Any plan, as likely as any other."""

    def suggest(self, state: SearchState) -> Suggestion:
        """Draw one."""
        left = open_plans(state)
        if not left:
            return Suggestion(why=NOTHING_LEFT, stop=True)
        return Suggestion(generator(state).choice(left), "drawn at random")

    def recommend(self, state: SearchState) -> Plan:
        """The best plan that was measured."""
        return best_seen(state)


@dataclass(frozen=True)
class CoarseGrid:
    """Of all choices, a few quantities of rows of each kind, and none or the most of all else; cheapest first."""

    rungs: int = 4

    def suggest(self, state: SearchState) -> Suggestion:
        """The next plan of the grid."""
        tried, cost = state.tried, state.space.cost_micro_usd
        plans = self.plans(state)
        left = [plan for plan in plans if plan not in tried and state.affordable(plan)]
        if not left:
            done = all(plan in tried for plan in plans)
            return Suggestion(why="the grid is measured" if done else NOTHING_LEFT, stop=True)
        first = min(left, key=lambda plan: (cost(plan), plan))
        return Suggestion(first, f"the next of a grid of {len(plans)} plans")

    def recommend(self, state: SearchState) -> Plan:
        """The best plan that was measured."""
        return best_seen(state)

    def plans(self, state: SearchState) -> list[Plan]:
        """The plans that lie on the grid and can be measured."""
        space = state.space
        ladders = space.ladders
        rungs = {
            "gold": set(_spread(ladders.purchases, self.rungs)),
            "pool": {0, *_spread(ladders.pools, self.rungs)},
        }

        def on_grid(plan: Plan, item: CostItem) -> bool:
            quantity = plan.quantity(item.name)
            if item.brings is None:
                return quantity in (0, item.limits(space.question, plan)[1])
            return quantity in rungs[item.brings]

        plans = space.measurable_plans()
        return [p for p in plans if all(on_grid(p, item) for item in ITEMS)] or plans[:1]


def generator(state: SearchState) -> random.Random:
    """Chance that is the same whenever as much is known."""
    return random.Random(f"{state.seed} {len(state.observations) + len(state.pending)}")


def _spread(values: Sequence[int], count: int) -> list[int]:
    """Some of the values, evenly, both ends among them."""
    if len(values) <= count:
        return list(values)
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]
