"""The table: of each strategy and its choices the plan that is expected to score best, priced exactly.

A plan that is expected to be a tenth of a point better is not worth any price: of plans that are so close the
cheapest is taken.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Plan
from raydoa.costs.question import Supply
from raydoa.costs.tariffs import MICRO, micro_budget
from raydoa.planning.belief import Belief
from raydoa.planning.scenario import Scenario
from raydoa.search.space import Variant, variants
from raydoa.search.surrogate.inputs import Array
from raydoa.strategies import STRATEGIES
from raydoa.strategies.ladders import Ladders

_SAME = 0.001
_NEARLY_AS_GOOD = 0.01
_MUCH_CHEAPER = 0.5
_DRAWS = 4000


@dataclass(frozen=True)
class Outlook:
    """A plan, and what is likely to come of it.

    Attributes:
        variant: the strategy that proposes it, with its choices.
        plan: what it is.
        ledger: its items, to the micro-dollar.
        score: what it is expected to score.
        low, high: 80% of single trainings score between these: laws, teacher's luck and seed are all in it.
        best_probability: how likely its expected score is the highest in the table; None outside of one.
        unspent_usd: what is left of the budget.
    """

    variant: Variant
    plan: Plan
    ledger: Ledger
    score: float
    low: float
    high: float
    best_probability: float | None
    unspent_usd: float


@dataclass(frozen=True)
class Unaffordable:
    """A variant that the budget does not pay for; None where there are no rows for it at any price."""

    variant: Variant
    least_usd: float | None


@dataclass(frozen=True)
class Table:
    """All variants, the best first.

    Attributes:
        rows: a plan of each variant.
        unaffordable: those that the budget does not pay for.
        thrifty: a much cheaper plan, if one is nearly as good as the best.
        first_beats_second: how likely the first row's expected score is above the second's; None if there is one row.
    """

    rows: tuple[Outlook, ...]
    unaffordable: tuple[Unaffordable, ...]
    thrifty: Outlook | None
    first_beats_second: float | None

    @property
    def best(self) -> Outlook:
        """What to buy."""
        return self.rows[0]


def table(scenario: Scenario, belief: Belief) -> Table:
    """Every variant at its best.

    Raises:
        UserError: the budget pays for no plan; the line says what the cheapest costs.
    """
    chosen = _chosen(scenario, belief)
    drawn = belief.expected([plan for _, plan in chosen], _DRAWS)
    shares = np.bincount(drawn.argmax(axis=1), minlength=len(chosen)) / _DRAWS
    rows = tuple(
        _outlook(variant, plan, scenario, belief, float(share))
        for (variant, plan), share in zip(chosen, shares, strict=True)
    )
    return Table(
        rows=rows,
        unaffordable=tuple(_unaffordable(scenario, {variant for variant, _ in chosen})),
        thrifty=_thrifty(rows[0], scenario, belief),
        first_beats_second=_ahead(drawn) if len(rows) > 1 else None,
    )


def best_plan(scenario: Scenario, belief: Belief) -> Outlook:
    """The best plan alone.

    Raises:
        UserError: the budget pays for no plan.
    """
    return _outlook(*_chosen(scenario, belief)[0], scenario, belief)


def _chosen(scenario: Scenario, belief: Belief) -> list[tuple[Variant, Plan]]:
    """Of each variant that the budget pays for a plan, the best first."""
    plans: dict[Variant, list[Plan]] = {}
    for plan in scenario.space.plans():
        plans.setdefault(scenario.space.variant_of(plan), []).append(plan)
    chosen = [(variant, _choose(variant, of, scenario, belief)) for variant, of in plans.items()]
    return sorted(chosen, key=lambda pair: -belief.means([pair[1]])[0])


def _choose(variant: Variant, plans: Sequence[Plan], scenario: Scenario, belief: Belief) -> Plan:
    """Of one variant, the plan that is expected to score best, or the cheapest that does as good."""
    best = plans[int(belief.means(plans).argmax())]
    strategy = STRATEGIES.get(variant.strategy)
    candidates = [*plans, *strategy.refined(scenario.space.ladders, best)]
    means = belief.means(candidates)
    close = [p for p, mean in zip(candidates, means, strict=True) if mean > means.max() - _SAME]
    return min(close, key=lambda plan: (scenario.question.cost_micro_usd(plan), plan))


def _ahead(drawn: Array) -> float:
    """How often the first is better; where both are at a limit of the scale, each is half of the times."""
    difference = drawn[:, 0] - drawn[:, 1]
    return float(np.mean(difference > 0) + 0.5 * np.mean(difference == 0))


def _outlook(
    variant: Variant,
    plan: Plan,
    scenario: Scenario,
    belief: Belief,
    best_probability: float | None = None,
) -> Outlook:
    """A plan with its exact items and its likely score."""
    ledger = scenario.question.ledger(plan)
    low, high = belief.interval(plan)
    mean = float(belief.means([plan])[0])
    return Outlook(
        variant=variant,
        plan=plan,
        ledger=ledger,
        score=mean,
        low=min(low, mean),
        high=max(high, mean),
        best_probability=best_probability,
        unspent_usd=(micro_budget(scenario.budget_usd) - ledger.cost_micro_usd) / MICRO,
    )


def _unaffordable(scenario: Scenario, paid: Container[Variant]) -> Iterator[Unaffordable]:
    cheapest = scenario.space.variants
    # With rows without end every variant has a plan, so what is missing here lacks rows.
    endless = replace(scenario.question, supply=Supply())
    for variant in variants(Ladders(endless, scenario.budget_usd)):
        if variant not in paid:
            plan = cheapest.get(variant)
            yield Unaffordable(variant, None if plan is None else scenario.space.cost_usd(plan))


def _thrifty(best: Outlook, scenario: Scenario, belief: Belief) -> Outlook | None:
    """The cheapest plan within a point of the best, if it takes at most half the money."""
    plans, costs = scenario.space.plans(), scenario.space.cost_micro_usd
    near = belief.means(plans) > best.score - _NEARLY_AS_GOOD
    close = [plan for plan, is_near in zip(plans, near, strict=True) if is_near]
    plan = min(close, key=costs, default=None)
    most = _MUCH_CHEAPER * best.ledger.cost_micro_usd
    # Nothing is cheaper than what is free.
    if plan is None or not most or costs(plan) > most:
        return None
    return _outlook(scenario.space.variant_of(plan), plan, scenario, belief)
