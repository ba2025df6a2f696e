"""One method on one problem: ask, score, tell, and what it would recommend after each observation.

Everybody asks and tells through `raydoa.search.ask_tell.Search`, so all pay the same marginal prices out of the same
store. Dollars are the tabulated ones; no time passes.

    from searching.drawing import draw
    from searching.measures import measure
    from searching.methods import METHODS
    trace = run(draw(3), METHODS["random"]())
    print(measure(draw(3), trace))
"""

import time
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np

from raydoa.search.ask_tell import Known, Sampler, Search
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate, Holdings

from .problems import Problem

LIMIT = 6.0
"""What a search may spend, in units of B."""

MOST_OBSERVATIONS = 100
"""Nobody measures more cells than this, however cheap they are; the same for all. Most runs end by dollars before."""


@runtime_checkable
class Predictor(Protocol):
    """A method that can say what it expects: the optional hook for coverage."""

    def predict(self, known: Known, points: list[Point]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the score that a first measurement of each point would give."""
        ...


@dataclass(frozen=True)
class Step:
    """After one observation: what was measured, for how much, and what is recommended now.

    Attributes:
        candidate: what was measured.
        spent_usd: dollars of the search so far.
        plan: the recommendation.
        realise_usd: what that plan costs on top of what is there; 0 if it was measured.
    """

    candidate: Candidate
    spent_usd: float
    plan: Point
    realise_usd: float


@dataclass(frozen=True)
class Trace:
    """A whole run.

    Attributes:
        steps: one for each observation.
        stopped: why the method itself stopped; empty if it went on to the limit.
        frontier: at the end, the recommended plan by budget.
        covered: at the end, which held-out points lay inside the 80% interval; none without a prediction.
        seconds: of computing, all proposals and recommendations together.
    """

    steps: tuple[Step, ...]
    stopped: str = ""
    frontier: dict[float, Point] = field(default_factory=dict)
    covered: tuple[bool, ...] = ()
    seconds: float = 0.0


def run(problem: Problem, sampler: Sampler, seed: int = 0) -> Trace:
    """Search until the method stops or the limit is spent."""
    began = time.perf_counter()
    search = Search(problem.space, sampler, LIMIT * problem.space.budget_usd, seed)
    steps: list[Step] = []
    while len(steps) < MOST_OBSERVATIONS:
        proposal = search.ask()
        if proposal is None:
            break
        search.tell(proposal.number, problem.measure(proposal.candidate))
        known = search.known()
        plan = sampler.recommend(known)
        price = realise_usd(known.holdings, plan)
        steps.append(Step(proposal.candidate, search.spent_usd, plan, price))
    known = search.known()
    return Trace(
        tuple(steps),
        search.stopped or "",
        _frontier(problem, sampler, known),
        _covered(problem, sampler, known),
        time.perf_counter() - began,
    )


def realise_usd(holdings: Holdings, plan: Point) -> float:
    """What a plan costs on top of what is there: nothing if its student is, else with the best of the teachers.

    Labels that were bought, a teacher of these labels and rows that it has labelled are there already, from whichever
    repeat is cheapest to go on with.
    """
    if any(candidate.point == plan for candidate in holdings.measured):
        return 0.0
    wanted = (plan.teacher, plan.labels)
    there = {repeat for *teacher, repeat in holdings.rows if tuple(teacher) == wanted}
    return min(holdings.marginal(Candidate(plan, repeat)).total for repeat in {0, *there})


def _frontier(problem: Problem, sampler: Sampler, known: Known) -> dict[float, Point]:
    """What the same observations recommend at other budgets."""
    return {
        budget: sampler.recommend(replace(known, space=replace(problem.space, budget_usd=budget)))
        for budget in problem.frontier
    }


def _covered(problem: Problem, sampler: Sampler, known: Known) -> tuple[bool, ...]:
    """Whether held-out cells score inside the predicted 80% interval.

    Held out are plans at B and at its parts that were not measured, 40 at most, as spread as the lists are.
    """
    if not isinstance(sampler, Predictor):
        return ()
    points = held_out(problem, known)
    mean, sd = sampler.predict(known, points)
    scores = np.array([problem.measure(Candidate(point)) for point in points])
    return tuple((np.abs(scores - mean) <= 1.2816 * sd).tolist())


def held_out(problem: Problem, known: Known, most: int = 40) -> list[Point]:
    """Plans at the budgets of the frontier that were not measured."""
    measured = {candidate.point for candidate in known.tried}
    plans = sorted(
        {plan for budget in problem.frontier for plan in problem.space.plans(budget)} - measured
    )
    return plans[:: max(1, len(plans) // most)][:most]
