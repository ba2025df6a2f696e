"""The table: of each strategy and teacher the plan that is expected to score best, priced exactly.

A plan that is expected to be a tenth of a point better is not worth any price: of plans that are so close the
cheapest is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from raydoa.costs.allocation import micro_budget
from raydoa.costs.ledger import MICRO
from raydoa.costs.plan import Plan
from raydoa.planning.belief import Belief
from raydoa.planning.case import Case, Face, face_of
from raydoa.search.costs import Point
from raydoa.search.surrogate.laws import Array

_SAME = 0.001
_NEARLY_AS_GOOD = 0.01
_MUCH_CHEAPER = 0.5
_DRAWS = 4000


@dataclass(frozen=True)
class Outlook:
    """A plan, and what is likely to come of it.

    Attributes:
        face: its strategy and teacher.
        point: its quantities.
        plan: its items, to the micro-dollar.
        score: what it is expected to score.
        low, high: 80% of single trainings score between these: laws, teacher's luck and seed are all in it.
        best_probability: how likely its expected score is the highest in the table; None outside of one.
        unspent_usd: what is left of the budget.
    """

    face: Face
    point: Point
    plan: Plan
    score: float
    low: float
    high: float
    best_probability: float | None
    unspent_usd: float


@dataclass(frozen=True)
class Unpayable:
    """A strategy that the budget does not reach; None where there are no rows for it at any price."""

    face: Face
    least_usd: float | None


@dataclass(frozen=True)
class Table:
    """All strategies, the best first.

    Attributes:
        rows: a plan of each strategy and teacher.
        unpayable: those that the budget does not reach.
        thrifty: a much cheaper plan, if one is nearly as good as the best.
        first_beats_second: how likely the first row's expected score is above the second's; None if there is one row.
    """

    rows: tuple[Outlook, ...]
    unpayable: tuple[Unpayable, ...]
    thrifty: Outlook | None
    first_beats_second: float | None

    @property
    def best(self) -> Outlook:
        """What to buy."""
        return self.rows[0]


def table(case: Case, belief: Belief) -> Table:
    """Every strategy and teacher at their best.

    Raises:
        UserError: the budget pays for no plan; the line says what the cheapest costs.
    """
    plans = case.by_face()
    chosen = [choose(points, case, belief) for points in plans.values()]
    chosen.sort(key=lambda point: -belief.means([point])[0])
    drawn = belief.expected(chosen, _DRAWS)
    shares = np.bincount(drawn.argmax(axis=1), minlength=len(chosen)) / _DRAWS
    rows = tuple(
        outlook(point, case, belief, float(share))
        for point, share in zip(chosen, shares, strict=True)
    )
    every = [point for points in plans.values() for point in points]
    return Table(
        rows=rows,
        unpayable=tuple(_unpayable(case, plans)),
        thrifty=_thrifty(every, rows[0], case, belief),
        first_beats_second=_ahead(drawn) if len(rows) > 1 else None,
    )


def _ahead(drawn: Array) -> float:
    """How often the first is better; where both are at a limit of the scale, each is half of the times."""
    difference = drawn[:, 0] - drawn[:, 1]
    return float(np.mean(difference > 0) + 0.5 * np.mean(difference == 0))


def best_plan(case: Case, belief: Belief) -> Outlook:
    """The best plan alone.

    Raises:
        UserError: the budget pays for no plan.
    """
    chosen = [choose(points, case, belief) for points in case.by_face().values()]
    return outlook(chosen[int(belief.means(chosen).argmax())], case, belief)


def outlook(
    point: Point, case: Case, belief: Belief, best_probability: float | None = None
) -> Outlook:
    """A plan with its exact items and its likely score."""
    plan = case.plan(point)
    low, high = belief.interval(point)
    mean = float(belief.means([point])[0])
    return Outlook(
        face=face_of(point, case.owned),
        point=point,
        plan=plan,
        score=mean,
        low=min(low, mean),
        high=max(high, mean),
        best_probability=best_probability,
        unspent_usd=(micro_budget(case.budget_usd) - plan.ledger.cost_micro_usd) / MICRO,
    )


def choose(points: Sequence[Point], case: Case, belief: Belief) -> Point:
    """Of one strategy and teacher, the plan that is expected to score best, or the cheapest that does as good."""
    best = points[int(belief.means(points).argmax())]
    every = [*points, *case.with_more_labels(best)]
    means = belief.means(every)
    close = [point for point, mean in zip(every, means, strict=True) if mean > means.max() - _SAME]
    return min(close, key=lambda point: (case.costs.items(point).total, point))


def _unpayable(case: Case, plans: Mapping[Face, Sequence[Point]]) -> list[Unpayable]:
    found = []
    for face in case.faces:
        if face not in plans:
            cheapest = case.cheapest(face)
            found.append(Unpayable(face, cheapest.ledger.cost_usd if cheapest else None))
    return found


def _thrifty(every: Sequence[Point], best: Outlook, case: Case, belief: Belief) -> Outlook | None:
    """The cheapest plan within a point of the best, if it takes at most half the money."""
    close = [
        point
        for point, mean in zip(every, belief.means(every), strict=True)
        if mean > best.score - _NEARLY_AS_GOOD
    ]
    if not close:
        return None
    point = min(close, key=lambda point: case.costs.items(point).total)
    if case.costs.items(point).total > _MUCH_CHEAPER * best.plan.ledger.cost_usd:
        return None
    return outlook(point, case, belief)
