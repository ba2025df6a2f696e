"""Break-even prices: where `annotate` and the best distillation change places.

Both are planned again at each price. A price is looked for in a wide range around today's, the crossing that is nearest
to today's is taken, and it is narrowed down by bisection of the price's logarithm.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from raydoa.errors import UserError
from raydoa.planning.belief import Belief
from raydoa.planning.case import Case
from raydoa.search.space import Space

_STEP = 4.0
_STEPS = 5
_PRECISION = 1.005
_WHY = "looking for a break-even price"

Advantage = Callable[[float], float | None]
"""By how much distillation is ahead at a price; None where neither can be paid."""


@dataclass(frozen=True)
class BreakEven:
    """A price, today and where the two change places; None if they do not between ``low`` and ``high``.

    ``below`` is who is ahead at lower prices, or at every price.
    """

    name: str
    now: float
    price: float | None
    below: str
    low: float
    high: float


def break_evens(case: Case, belief: Belief) -> list[BreakEven]:
    """Of the label's price, and of the GPU-hour's."""
    if not case.costs.teachers:
        return []

    def at_label_price(usd: float) -> float | None:
        return advantage(case.with_label_price(usd, _WHY), belief)

    def at_gpu_price(usd: float) -> float | None:
        return advantage(case.with_gpu_price(usd, _WHY), belief)

    return [
        crossing("label", case.label_usd, at_label_price),
        crossing("gpu_hour", case.gpu_hour_usd, at_gpu_price),
    ]


def advantage(case: Case, belief: Belief) -> float | None:
    """The best distillation's expected score above that of the best `annotate`."""
    annotating = _best(case.annotating, belief, taught=False)
    distilling = _best(case.distilling, belief, taught=True)
    if annotating is None and distilling is None:
        return None
    if annotating is None or distilling is None:
        return 1.0 if annotating is None else -1.0  # What cannot be paid loses.
    return distilling - annotating


def _best(space: Space, belief: Belief, taught: bool) -> float | None:
    try:
        points = [point for point in space.plans() if bool(point.teacher) == taught]
    except UserError:  # It cannot be paid at this price.
        return None
    return belief.best(points) if points else None


def crossing(name: str, now: float, ahead: Advantage) -> BreakEven:
    """The price nearest to ``now`` at which an advantage changes its sign."""
    prices = [now * _STEP**step for step in range(-_STEPS, _STEPS + 1)]
    found = [(price, value) for price in prices if (value := ahead(price)) is not None]
    low, high = prices[0], prices[-1]
    changes = [
        (before, after) for before, after in pairwise(found) if (before[1] > 0) != (after[1] > 0)
    ]
    if not changes:
        return BreakEven(name, now, None, _who(found[0][1]) if found else "neither", low, high)
    (one, value), (other, _) = min(
        changes, key=lambda change: _distance(change[0][0], change[1][0], now)
    )
    while other / one > _PRECISION:
        middle = math.sqrt(one * other)
        between = ahead(middle)
        if between is not None and (between > 0) == (value > 0):
            one = middle
        else:
            other = middle
    return BreakEven(name, now, math.sqrt(one * other), _who(value), low, high)


def _distance(low: float, high: float, now: float) -> float:
    return abs(math.log(math.sqrt(low * high) / now))


def _who(value: float) -> str:
    return "distill" if value > 0 else "annotate"
