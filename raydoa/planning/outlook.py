"""The table: of each strategy and its choices the plan that is expected to score best, priced exactly.

A plan that is expected to be a tenth of a point better is not worth any price: of plans that are so close the
cheapest is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from raydoa.costs.plan import Plan
from raydoa.planning.belief import Belief
from raydoa.planning.purchases import Purchase, offered, purchase
from raydoa.search.space import Space, Variant
from raydoa.search.surrogate.inputs import Array
from raydoa.strategies import STRATEGIES

_SAME = 0.001
_NEARLY_AS_GOOD = 0.01
_MUCH_CHEAPER = 0.5
_DRAWS = 4000


@dataclass(frozen=True)
class Outlook(Purchase):
    """A plan, and what is likely to come of it.

    Attributes:
        score: what it is expected to score.
        low, high: 80% of single trainings score between these: laws, teacher's luck and seed are all in it.
        best_probability: how likely its expected score is the highest in the table; None outside of one, and where too
            little was measured to tell.
    """

    score: float
    low: float
    high: float
    best_probability: float | None


@dataclass(frozen=True)
class Table:
    """All variants, the best first.

    Attributes:
        rows: a plan of each variant.
        thrifty: a much cheaper plan, if one is nearly as good as the best.
        first_beats_second: how likely the first row's expected score is above the second's; None if there is one row, or
            too little was measured to tell.
    """

    rows: tuple[Outlook, ...]
    thrifty: Outlook | None
    first_beats_second: float | None

    @property
    def best(self) -> Outlook:
        """What to buy."""
        return self.rows[0]


def table(space: Space, belief: Belief) -> Table:
    """Every variant at its best.

    Raises:
        UserError: the budget pays for no plan; the line says what the cheapest costs.
    """
    chosen = _chosen(space, belief)
    ahead, shares = None, [None] * len(chosen)
    if belief.ranks:
        drawn = belief.expected([plan for _, plan in chosen], _DRAWS)
        shares = (np.bincount(drawn.argmax(axis=1), minlength=len(chosen)) / _DRAWS).tolist()
        ahead = _ahead(drawn) if len(chosen) > 1 else None
    rows = tuple(
        _outlook(variant, plan, space, belief, share)
        for (variant, plan), share in zip(chosen, shares, strict=True)
    )
    return Table(rows, _thrifty(rows[0], space, belief), first_beats_second=ahead)


def best_plan(space: Space, belief: Belief) -> Outlook:
    """The best plan alone.

    Raises:
        UserError: the budget pays for no plan.
    """
    return _outlook(*_chosen(space, belief)[0], space, belief)


def _chosen(space: Space, belief: Belief) -> list[tuple[Variant, Plan]]:
    """Of each variant that the budget pays for a plan, the best first."""
    chosen = [
        (variant, _choose(variant, plans, space, belief))
        for variant, plans in offered(space).items()
    ]
    return sorted(chosen, key=lambda pair: -belief.means([pair[1]])[0])


def _choose(variant: Variant, plans: Sequence[Plan], space: Space, belief: Belief) -> Plan:
    """Of one variant, the plan that is expected to score best, or the cheapest that does as good."""
    best = plans[int(belief.means(plans).argmax())]
    strategy = STRATEGIES.get(variant.strategy)
    candidates = [*plans, *strategy.refined(space.ladders, best)]
    means = belief.means(candidates)
    close = [p for p, mean in zip(candidates, means, strict=True) if mean > means.max() - _SAME]
    return min(close, key=lambda plan: (space.question.cost_micro_usd(plan), plan))


def _ahead(drawn: Array) -> float:
    """How often the first is better; where both are at a limit of the scale, each is half of the times."""
    difference = drawn[:, 0] - drawn[:, 1]
    return float(np.mean(difference > 0) + 0.5 * np.mean(difference == 0))


def _outlook(
    variant: Variant,
    plan: Plan,
    space: Space,
    belief: Belief,
    best_probability: float | None = None,
) -> Outlook:
    """A plan with its exact items and its likely score."""
    low, high = belief.interval(plan)
    mean = float(belief.means([plan])[0])
    bought = purchase(variant, plan, space)
    return Outlook(
        **vars(bought),
        score=mean,
        low=min(low, mean),
        high=max(high, mean),
        best_probability=best_probability,
    )


def _thrifty(best: Outlook, space: Space, belief: Belief) -> Outlook | None:
    """The cheapest plan within a point of the best, if it takes at most half the money."""
    plans = [plan for of_variant in offered(space).values() for plan in of_variant]
    costs = space.cost_micro_usd
    near = belief.means(plans) > best.score - _NEARLY_AS_GOOD
    close = [plan for plan, is_near in zip(plans, near, strict=True) if is_near]
    plan = min(close, key=costs, default=None)
    most = _MUCH_CHEAPER * best.ledger.cost_micro_usd
    # Nothing is cheaper than what is free.
    if plan is None or not most or costs(plan) > most:
        return None
    return _outlook(space.variant_of(plan), plan, space, belief)
