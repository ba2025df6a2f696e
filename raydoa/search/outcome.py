"""What a search has found: a plan for its budget, or one for each level of a frontier, and how sure that is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Protocol, runtime_checkable

from raydoa.costs.prices import PriceBook
from raydoa.errors import UserError
from raydoa.search.ask_tell import Known, Observation, Sampler
from raydoa.search.costs import Costs, Items, Point
from raydoa.search.objective import SHARES, Objective
from raydoa.search.space import Space
from raydoa.search.surrogate.surface import Surface

_EIGHTY_PERCENT = 1.2816
"""Standard deviations on either side of the mean of a normal that hold 80% of it."""


@runtime_checkable
class Predicting(Protocol):
    """A chooser that knows more than what was measured."""

    def surface(self, known: Known) -> Surface:
        """Expected scores, and how sure they are."""
        ...


@dataclass(frozen=True)
class Expectation:
    """A score; with an 80% interval where it is predicted, else as it was measured."""

    score: float
    low: float | None = None
    high: float | None = None
    seen: int = 0


@dataclass(frozen=True)
class Recommended:
    """A plan for a level of what may be spent: dollars, or kgCO2e.

    Attributes:
        level: what may be spent.
        point: the plan; None if nothing that was measured can be paid.
        expected: its score, where anything is known of it.
    """

    level: float
    point: Point | None
    expected: Expectation | None = None


@dataclass(frozen=True)
class Carbon:
    """kgCO2e per dollar of computing, on one accelerator in one region."""

    kg_per_usd: float

    @classmethod
    def of(cls, book: PriceBook, accelerator: str, region: str) -> "Carbon":
        """From a price book."""
        kilograms = book.kgco2e_per_gpu_hour(accelerator, region)
        return cls(kilograms / book.gpu_hour_usd(accelerator))

    def kgco2e(self, items: Items) -> float:
        """Of an allocation's computing."""
        return items.compute * self.kg_per_usd


def recommended(sampler: Sampler, known: Known) -> Recommended:
    """The plan for the whole budget."""
    point = sampler.recommend(known)
    return Recommended(known.space.budget_usd, point, _expected(sampler, known, point))


def frontier(
    sampler: Sampler, known: Known, objective: Objective, carbon: Carbon
) -> list[Recommended]:
    """A plan for each level: shares of the budget, or of the kgCO2e of its plan that emits most."""
    space, costs = known.space, known.space.costs
    if objective == "frontier":
        levels = [share * space.budget_usd for share in SHARES]
        plans = {level: _plans(space, level) for level in levels}
    else:
        by_burden = {point: carbon.kgco2e(costs.items(point)) for point in space.plans()}
        levels = [share * max(by_burden.values()) for share in SHARES]
        plans = {level: [p for p, kg in by_burden.items() if kg <= level] for level in levels}
    if isinstance(sampler, Predicting):
        surface = sampler.surface(known)
        return [_best_predicted(surface, level, plans[level], known) for level in levels]
    scores = observed_means(known.observations, costs)
    return [_best_seen(level, scores, costs, objective, carbon) for level in levels]


def observed_means(observations: Sequence[Observation], costs: Costs) -> dict[Point, float]:
    """Mean score of everything that was measured with all labels that are owned."""
    found: dict[Point, list[float]] = {}
    for told in observations:
        if told.score is not None and told.candidate.point.labels >= costs.owned:
            found.setdefault(told.candidate.point, []).append(told.score)
    return {point: fmean(scores) for point, scores in found.items()}


def _expected(sampler: Sampler, known: Known, point: Point) -> Expectation | None:
    told = [o.score for o in known.observations if o.candidate.point == point]
    scores = [score for score in told if score is not None]
    if isinstance(sampler, Predicting):
        return _predicted(sampler.surface(known), point, len(scores))
    return Expectation(fmean(scores), seen=len(scores)) if scores else None


def _predicted(surface: Surface, point: Point, seen: int) -> Expectation:
    """With the interval that holds 80% of single trainings: the doubt, the teacher's luck and the seed's are in it."""
    mean, sd = (float(values[0]) for values in surface.mean_and_sd([point]))
    luck = surface.noise_variance + (surface.teacher_variance if point.teacher else 0.0)
    apart = _EIGHTY_PERCENT * math.sqrt(sd**2 + luck)
    return Expectation(mean, max(0.0, mean - apart), min(1.0, mean + apart), seen)


def _best_predicted(
    surface: Surface, level: float, plans: Sequence[Point], known: Known
) -> Recommended:
    if not plans:
        return Recommended(level, None)
    point = surface.best_of(plans)
    seen = sum(o.candidate.point == point and o.score is not None for o in known.observations)
    return Recommended(level, point, _predicted(surface, point, seen))


def _best_seen(
    level: float, scores: Mapping[Point, float], costs: Costs, objective: Objective, carbon: Carbon
) -> Recommended:
    def burden(point: Point) -> float:
        items = costs.items(point)
        return items.total if objective == "frontier" else carbon.kgco2e(items)

    payable = [point for point in scores if burden(point) <= level]
    if not payable:
        return Recommended(level, None)
    best = max(payable, key=lambda point: (scores[point], -burden(point), point))
    return Recommended(level, best, Expectation(scores[best]))


def _plans(space: Space, budget_usd: float) -> list[Point]:
    """The plans of a smaller budget; none if it pays for none."""
    try:
        return replace(space, budget_usd=budget_usd).plans()
    except UserError:
        return []
