"""How a search ends: a plan for its budget, or one for each level of a frontier, and how sure that is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from raydoa.costs.plan import Plan
from raydoa.experiment.study import Study
from raydoa.search.baseline_samplers import mean_scores
from raydoa.search.objective import SHARES, Objective
from raydoa.search.sampler import Sampler, SearchState
from raydoa.search.surrogate.surface import Surface

_EIGHTY_PERCENT = 1.2816
"""Standard deviations on either side of the mean of a normal that hold 80% of it."""


@runtime_checkable
class Predicting(Protocol):
    """A sampler that knows more than what was measured."""

    def surface(self, state: SearchState) -> Surface:
        """Expected scores, and how sure they are."""
        ...

    def knows(self, state: SearchState) -> bool:
        """Whether they rest on anything but guesses."""
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
        plan: what to buy; None if nothing that was measured can be paid.
        expected: its score, where anything is known of it.
    """

    level: float
    plan: Plan | None
    expected: Expectation | None = None


def recommended(sampler: Sampler, state: SearchState) -> Recommended:
    """The plan for the whole budget."""
    plan = sampler.recommend(state)
    return Recommended(state.space.budget_usd, plan, _expected(sampler, state, plan))


def recommended_frontier(
    sampler: Sampler, state: SearchState, objective: Objective, study: Study
) -> list[Recommended]:
    """A plan for each level: shares of the budget, or of the kgCO2e of its plan that emits most."""
    space = state.space
    dollars = objective == "frontier"
    ledgers = {plan: space.question.ledger(plan) for plan in space.plans()}
    burdens = {p: of.cost_usd if dollars else study.kgco2e(of) for p, of in ledgers.items()}
    most = space.budget_usd if dollars else max(burdens.values())
    if isinstance(sampler, Predicting) and not sampler.knows(state):
        return [Recommended(share * most, None) for share in SHARES]
    if isinstance(sampler, Predicting):
        surface = sampler.surface(state)
        return [
            _best_predicted(surface, share * most, space.level(share, objective), state)
            for share in SHARES
        ]
    scores = mean_scores(state)
    return [_best_seen(share * most, scores, burdens) for share in SHARES]


def _scores_of(plan: Plan, state: SearchState) -> list[float]:
    """Scores of a plan, of each time that it was measured."""
    scores = (o.score for o in state.observations if o.plan.repeated(0) == plan)
    return [score for score in scores if score is not None]


def _expected(sampler: Sampler, state: SearchState, plan: Plan) -> Expectation | None:
    scores = _scores_of(plan, state)
    if isinstance(sampler, Predicting):
        known = sampler.knows(state)
        return _predicted(sampler.surface(state), plan, len(scores)) if known else None
    return Expectation(math.fsum(scores) / len(scores), seen=len(scores)) if scores else None


def _predicted(surface: Surface, plan: Plan, seen: int) -> Expectation:
    """With the interval that holds 80% of single trainings: the doubt, the teacher's luck and the seed's are in it."""
    mean, sd = (float(values[0]) for values in surface.of_trainings([plan]))
    apart = _EIGHTY_PERCENT * sd
    return Expectation(mean, max(0.0, mean - apart), min(1.0, mean + apart), seen)


def _best_predicted(
    surface: Surface, level: float, plans: Sequence[Plan], state: SearchState
) -> Recommended:
    if not plans:
        return Recommended(level, None)
    plan = surface.best_of(plans)
    return Recommended(level, plan, _predicted(surface, plan, len(_scores_of(plan, state))))


def _best_seen(
    level: float, scores: Mapping[Plan, float], burdens: Mapping[Plan, float]
) -> Recommended:
    payable = [plan for plan in scores if burdens[plan] <= level]
    if not payable:
        return Recommended(level, None)
    best = max(payable, key=lambda plan: (scores[plan], -burdens[plan], plan))
    return Recommended(level, best, Expectation(scores[best]))
