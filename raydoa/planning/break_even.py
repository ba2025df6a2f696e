"""Break-even prices: where the baseline strategy and the best of its alternatives change places.

Alternatives are the plans of other strategies where no label is for sale: what lies between (buying some of what the
baseline buys) would be ahead or level at any price. Both sides are planned again at each price. A price is looked for in
a wide range around today's, the crossing that is nearest to today's is taken, and it is narrowed down by bisection of
the price's logarithm. Around a price of 0 there is no such range: then it is looked for at 0 itself, and from a millionth
of the price at which the least that can be bought takes the whole budget up to that price, above which nothing is bought.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from raydoa.costs.plan import Plan
from raydoa.costs.question import Question, Supply
from raydoa.planning.belief import Belief
from raydoa.planning.purchases import infeasible
from raydoa.planning.scenario import Scenario
from raydoa.strategies import STRATEGIES
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.strategy import Strategy

_STEP = 4.0
_STEPS = 5
_PRECISION = 1.005
_WHY = "looking for a break-even price"
NEITHER = "neither"

Advantage = Callable[[float], float | None]
"""By how much the alternatives are ahead at a price; None where neither side has a plan."""


@dataclass(frozen=True)
class Sides:
    """Who is compared, by name: the baseline strategy, and the others that have plans."""

    baseline: str
    alternatives: str


@dataclass(frozen=True)
class BreakEvenPrice:
    """A price, today and where the two sides change places; None if they do not between ``low`` and ``high``.

    ``below`` is who is ahead at lower prices, or at every price, and ``above`` who is at higher ones.
    """

    name: str
    now: float
    price: float | None
    below: str
    above: str
    low: float
    high: float


def break_even_prices(scenario: Scenario, belief: Belief) -> list[BreakEvenPrice]:
    """Of the label's price, and of the GPU-hour's; none where there is nobody to compare, or nothing known of one side."""
    sides = sides_of(scenario)
    if sides is None or not both_sides_known(scenario, belief):
        return []

    def at_label_price(usd: float) -> float | None:
        return advantage(scenario.with_label_price(usd, _WHY), belief)

    def at_gpu_price(usd: float) -> float | None:
        return advantage(scenario.with_gpu_price(usd, _WHY), belief)

    labels = around(scenario.label_usd, scenario.budget_usd)
    hours = around(scenario.gpu_hour_usd, scenario.budget_usd / _least_gpu_hours(scenario))
    return [
        crossing("label", scenario.label_usd, labels, at_label_price, sides),
        crossing("gpu_hour", scenario.gpu_hour_usd, hours, at_gpu_price, sides),
    ]


def both_sides_known(scenario: Scenario, belief: Belief) -> bool:
    """Whether something like the baseline's plans and something like another's was measured, or a prior predicts both."""
    ladders = Ladders(without_purchases(scenario.question), scenario.budget_usd)

    def known(strategies: Iterable[Strategy]) -> bool:
        plans = (plan for strategy in strategies for plan in strategy.cheapest(ladders))
        return any(belief.measured_like(plan) for plan in plans)

    baselines = [strategy for strategy in STRATEGIES if strategy.is_baseline]
    return belief.evidence.left_out.predicts or (known(baselines) and known(_alternatives()))


def _least_gpu_hours(scenario: Scenario) -> float:
    """GPU-hours of the plan that computes least; of one that computes nothing, as of a second."""
    seconds = map(scenario.question.gpu_seconds, scenario.space.variants.values())
    return (min(seconds) or 1.0) / 3600


def sides_of(scenario: Scenario) -> Sides | None:
    """The names of the strategies on both sides; None if one side has no plan at any price, or the baseline lacks labels."""
    question = without_purchases(scenario.question)
    ladders = Ladders(question, scenario.budget_usd)
    baselines = [strategy.name for strategy in STRATEGIES if strategy.is_baseline]
    others = [strategy.name for strategy in _alternatives() if any(strategy.cheapest(ladders))]
    if not (baselines and others) or infeasible(scenario.space).keys() & set(baselines):
        return None
    return Sides(" or ".join(baselines), " or ".join(others))


def without_purchases(question: Question) -> Question:
    """The same question where no label is for sale."""
    return replace(question, supply=Supply(question.n, question.supply.pool(question.n)))


def advantage(scenario: Scenario, belief: Belief) -> float | None:
    """The best alternative's expected score above that of the best baseline.

    None where neither is affordable, and where the baseline would buy more labels than are in hand: what those would bring
    is no plan.
    """
    question, budget_usd = scenario.question, scenario.budget_usd
    baselines = [strategy for strategy in STRATEGIES if strategy.is_baseline]
    if any(baseline.name in infeasible(scenario.space) for baseline in baselines):
        return None
    baseline = _best(baselines, Ladders(question, budget_usd), belief)
    alternative = _best(_alternatives(), Ladders(without_purchases(question), budget_usd), belief)
    if baseline is None and alternative is None:
        return None
    if baseline is None or alternative is None:
        return 1.0 if baseline is None else -1.0  # What is unaffordable loses.
    return alternative - baseline


def _alternatives() -> list[Strategy]:
    return [strategy for strategy in STRATEGIES if not strategy.is_baseline]


def _best(strategies: Iterable[Strategy], ladders: Ladders, belief: Belief) -> float | None:
    plans: list[Plan] = [plan for strategy in strategies for plan in strategy.proposals(ladders)]
    return belief.best(plans) if plans else None


def around(now: float, most: float) -> list[float]:
    """Prices at which to look, from the lowest to the highest; around 0 they go up to ``most``."""
    if now:
        return [now * _STEP**step for step in range(-_STEPS, _STEPS + 1)]
    return [0.0, *(most / _STEP**step for step in range(2 * _STEPS, -1, -1) if most)]


def crossing(
    name: str, now: float, prices: Sequence[float], ahead: Advantage, sides: Sides
) -> BreakEvenPrice:
    """The price nearest to ``now`` at which an advantage changes its sign, between two of the ``prices``."""
    tried = [(price, value) for price in prices if (value := ahead(price)) is not None]
    low, high = prices[0], prices[-1]
    changes = [
        (before, after) for before, after in pairwise(tried) if (before[1] > 0) != (after[1] > 0)
    ]
    if not changes:
        leader = _leader(tried[0][1], sides) if tried else NEITHER
        return BreakEvenPrice(name, now, None, leader, leader, low, high)
    (lower, value), (upper, beyond) = min(
        changes, key=lambda change: _distance(change[0][0], change[1][0], now)
    )
    while lower and upper / lower > _PRECISION:
        middle = math.sqrt(lower * upper)
        between = ahead(middle)
        if between is not None and (between > 0) == (value > 0):
            lower = middle
        else:
            upper = middle
    # Between 0 and the lowest of the others it is as good as that one: a millionth of what takes the whole budget.
    price = math.sqrt(lower * upper) if lower else upper
    below, above = _leader(value, sides), _leader(beyond, sides)
    return BreakEvenPrice(name, now, price, below, above, low, high)


def _distance(low: float, high: float, now: float) -> float:
    return abs(math.log(math.sqrt(low * high) / now)) if now else low


def _leader(value: float, sides: Sides) -> str:
    return sides.alternatives if value > 0 else sides.baseline
