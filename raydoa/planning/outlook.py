"""The table: of each strategy and teacher the plan that is expected to score best, priced exactly.

A plan that is expected to be a tenth of a point better is not worth any price: of plans that are so close the
cheapest is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from raydoa.money.ledger import MICRO
from raydoa.money.plan import Plan
from raydoa.planning.belief import Belief
from raydoa.planning.case import Case, Face, face_of
from raydoa.search.costs import Point
from raydoa.search.laws import Array

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
        best_probability: how likely its expected score is the highest in the table.
        unspent_usd: what is left of the budget.
    """

    face: Face
    point: Point
    plan: Plan
    score: float
    low: float
    high: float
    best_probability: float
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


@dataclass(frozen=True)
class _Predicted:
    """Joint predictions of some plans."""

    points: tuple[Point, ...]
    means: Array
    expected: Array
    outcomes: Array

    @classmethod
    def of(cls, belief: Belief, points: Sequence[Point]) -> "_Predicted":
        expected = belief.expected(points, _DRAWS)
        return cls(tuple(points), belief.means(points), expected, belief.outcomes(points, expected))

    @cached_property
    def shares(self) -> Array:
        """How often each is the best."""
        counts = np.bincount(self.expected.argmax(axis=1), minlength=len(self.points))
        return counts / len(self.expected)

    def outlook(self, position: int, case: Case, share: float) -> Outlook:
        point = self.points[position]
        plan = case.plan(point)
        low, high = np.quantile(self.outcomes[:, position], [0.1, 0.9])
        mean = float(self.means[position])
        return Outlook(
            face=face_of(point, case.owned),
            point=point,
            plan=plan,
            score=mean,
            low=min(float(low), mean),
            high=max(float(high), mean),
            best_probability=share,
            unspent_usd=(round(case.budget_usd * MICRO) - plan.ledger.cost_micro_usd) / MICRO,
        )


def table(case: Case, belief: Belief) -> Table:
    """Every strategy and teacher at their best.

    Raises:
        UserMistake: the budget pays for no plan; the line says what the cheapest costs.
    """
    plans = case.by_face()
    chosen = sorted(
        (choose(points, case, belief) for points in plans.values()),
        key=lambda point: -belief.means([point])[0],
    )
    found = _Predicted.of(belief, chosen)
    rows = tuple(
        found.outlook(i, case, float(share)) for i, share in enumerate(found.shares)
    )  # fmt: skip
    ahead = None
    if len(rows) > 1:
        # Where both are at a limit of the scale they are as good as each other.
        difference = found.expected[:, 0] - found.expected[:, 1]
        ahead = float(np.mean(difference > 0) + 0.5 * np.mean(difference == 0))
    return Table(
        rows, tuple(_unpayable(case, plans)), _thrifty(case, belief, plans, rows[0]), ahead
    )


def best_plan(case: Case, belief: Belief) -> Outlook:
    """The best plan alone.

    Raises:
        UserMistake: the budget pays for no plan.
    """
    point = choose([p for points in case.by_face().values() for p in points], case, belief)
    return _Predicted.of(belief, [point]).outlook(0, case, 1.0)


def choose(points: Sequence[Point], case: Case, belief: Belief) -> Point:
    """The plan that is expected to score best, or the cheapest that does as good as that."""
    means = belief.means(points)
    close = [point for point, mean in zip(points, means, strict=True) if mean > means.max() - _SAME]
    return min(close, key=lambda point: (case.costs.items(point).total, point))


def _unpayable(case: Case, plans: Mapping[Face, Sequence[Point]]) -> list[Unpayable]:
    found = []
    for face in case.faces:
        if face not in plans:
            cheapest = case.cheapest(face)
            found.append(Unpayable(face, cheapest.ledger.cost_usd if cheapest else None))
    return found


def _thrifty(
    case: Case, belief: Belief, plans: Mapping[Face, Sequence[Point]], best: Outlook
) -> Outlook | None:
    """The cheapest plan within a point of the best, if it takes at most half the money."""
    every = [point for points in plans.values() for point in points]
    close = [
        point
        for point, mean in zip(every, belief.means(every), strict=True)
        if mean > best.score - _NEARLY_AS_GOOD
    ]
    point = min(close, key=lambda point: case.costs.items(point).total)
    if case.costs.items(point).total > _MUCH_CHEAPER * best.plan.ledger.cost_usd:
        return None
    return _Predicted.of(belief, [point]).outlook(0, case, 0.0)
