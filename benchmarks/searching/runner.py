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

from raydoa.costs.plan import Plan
from raydoa.search.ask_tell import Search
from raydoa.search.cost_aware import CostAware
from raydoa.search.sampler import Sampler, SearchState
from raydoa.search.space import Space

from .prices import labels_of
from .problems import Problem

LIMIT = 6.0
"""What a search may spend, in units of B."""

MOST_OBSERVATIONS = 100
"""Nobody measures more cells than this, however cheap they are; the same for all. Most runs end by dollars before."""


@runtime_checkable
class Predictor(Protocol):
    """A method that can say what it expects: the optional hook for coverage."""

    def predict(self, state: SearchState, plans: list[Plan]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the score that a first measurement of each plan would give."""
        ...


@dataclass(frozen=True)
class Step:
    """After one observation: what was measured, for how much, and what is recommended now.

    Attributes:
        measured: what was measured.
        spent_usd: dollars of the search so far.
        plan: the recommendation.
        realise_usd: what that plan costs on top of what is there; 0 if it was measured.
    """

    measured: Plan
    spent_usd: float
    plan: Plan
    realise_usd: float


@dataclass(frozen=True)
class Trace:
    """A whole run.

    Attributes:
        steps: one for each observation.
        stopped: why the method itself stopped; empty if it went on to the limit.
        frontier: at the end, the recommended plan by budget.
        covered: at the end, which held-out plans lay inside the 80% interval; none without a prediction.
        seconds: of computing, all proposals and recommendations together.
    """

    steps: tuple[Step, ...]
    stopped: str = ""
    frontier: dict[float, Plan] = field(default_factory=dict)
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
        search.tell(proposal.number, problem.measure(proposal.plan))
        state = search.state
        plan = sampler.recommend(state)
        steps.append(Step(proposal.plan, search.spent_usd, plan, realise_usd(state, plan)))
    state = search.state
    return Trace(
        tuple(steps),
        search.stopped or "",
        _frontier(problem, sampler, state),
        _covered(problem, sampler, state),
        time.perf_counter() - began,
    )


def realise_usd(state: SearchState, plan: Plan) -> float:
    """What a plan costs on top of what exists: nothing if it was measured, else with the best of the teachers.

    Labels that were bought, a teacher of these labels and rows that it has labelled exist already, from whichever repeat
    is cheapest to go on with.
    """
    repeats = {o.plan.repeat for o in state.observations} | {0}
    if any(o.plan.repeated(0) == plan for o in state.observations):
        return 0.0
    return min(state.marginal_usd(plan.repeated(repeat)) for repeat in repeats)


def _frontier(problem: Problem, sampler: Sampler, state: SearchState) -> dict[float, Plan]:
    """What the same observations recommend at other budgets."""
    return {
        budget: sampler.recommend(replace(state, space=Space(problem.space.question, budget)))
        for budget in problem.frontier
    }


def _covered(problem: Problem, sampler: Sampler, state: SearchState) -> tuple[bool, ...]:
    """Whether held-out plans score inside the predicted 80% interval.

    Held out are plans at B and at its parts that were not measured, 40 at most, as spread as the lists are.
    """
    if not isinstance(sampler, Predictor | CostAware):
        return ()
    plans = held_out(problem, state)
    if isinstance(sampler, CostAware):
        mean, sd = sampler.surface(state).of_trainings(plans)
    else:
        mean, sd = sampler.predict(state, plans)
    scores = np.array([problem.measure(plan) for plan in plans])
    return tuple((np.abs(scores - mean) <= 1.2816 * sd).tolist())


def held_out(problem: Problem, state: SearchState, most: int = 40) -> list[Plan]:
    """Plans at the budgets of the frontier that were not measured."""
    measured = {plan.repeated(0) for plan in state.tried}
    plans = {plan for budget in problem.frontier for plan in problem.space.plans(budget)}
    order = sorted(plans - measured, key=_quantities)
    return order[:: max(1, len(order) // most)][:most]


def _quantities(plan: Plan) -> tuple[int, str, int, int]:
    rows, steps = plan.quantity("pseudo_labels"), plan.quantity("student")
    return labels_of(plan), plan.choice("teacher") or "", rows, steps
