"""What a run was worth, in units of the budget B.

*Near* is a recommendation whose expected score is at least 0.99 of the best plan's. `to_know` is what had been spent
when the recommendation became near and stayed so until the run's end; infinite if it never did. A method that stops by
itself ends its run there. `to_own` adds, at that moment, the price of realising the plan that is recommended then: its
marginal cost on top of all that the search has made (nothing if its student was measured). Later changes between
plans that are all near cost nothing: the buyer has realised a near one. Regret is what the recommended plan's expected
score lacks of the best, as a share of the best.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .problems import Problem, plans_of
from .runner import LIMIT, Trace

NEAR = 0.01


@dataclass(frozen=True)
class Worth:
    """The measures of one run.

    Attributes:
        to_know: dollars of the search until it knew.
        to_own: the same with the plan realised.
        stop_regret: regret of the last recommendation, at the method's own stop or at the limit.
        area: regret, averaged over the dollars from 0 to the limit.
        frontier: mean regret at the budgets of the frontier.
        spent: dollars of the whole run.
        observations: how many.
        covered: share of held-out cells inside the 80% interval; None without a prediction.
        seconds: of computing, a proposal.
    """

    to_know: float
    to_own: float
    stop_regret: float
    area: float
    frontier: float
    spent: float
    observations: int
    covered: float | None
    seconds: float


def measure(problem: Problem, trace: Trace) -> Worth:
    """The measures of a run."""
    budget, steps = problem.space.budget_usd, trace.steps
    regrets = [problem.regret(step.plan) for step in steps]
    first = settled(regrets)
    knew = steps[first] if first is not None else None
    return Worth(
        to_know=knew.spent_usd / budget if knew else math.inf,
        to_own=(knew.spent_usd + knew.realise_usd) / budget if knew else math.inf,
        stop_regret=regrets[-1] if regrets else blind(problem),
        area=_area(problem, trace, regrets),
        frontier=_frontier(problem, trace),
        spent=steps[-1].spent_usd / budget if steps else 0.0,
        observations=len(steps),
        covered=statistics.fmean(trace.covered) if trace.covered else None,
        seconds=trace.seconds / max(1, len(steps)),
    )


def settled(regrets: Sequence[float]) -> int | None:
    """The first step from which every recommendation to the end is near; None if the last is not."""
    far = [step for step, regret in enumerate(regrets) if regret > NEAR]
    first = far[-1] + 1 if far else 0
    return first if first < len(regrets) else None


def blind(problem: Problem) -> float:
    """The regret of a plan picked blindly: what holds before the first observation."""
    return statistics.fmean(problem.regret(plan) for plan in plans_of(problem.space))


def _area(problem: Problem, trace: Trace, regrets: Sequence[float]) -> float:
    """Mean regret over the dollars up to the limit; each recommendation holds until the next observation."""
    limit = LIMIT * problem.space.budget_usd
    held, since, area = blind(problem), 0.0, 0.0
    for step, regret in zip(trace.steps, regrets, strict=True):
        area += held * (step.spent_usd - since)
        held, since = regret, step.spent_usd
    return (area + held * max(0.0, limit - since)) / limit


def _frontier(problem: Problem, trace: Trace) -> float:
    return statistics.fmean(
        problem.regret(trace.frontier[budget], best) for budget, best in problem.frontier.items()
    )


def summary(worths: Sequence[Worth]) -> dict[str, Any]:
    """Over tasks: medians, upper quarters and the share solved; infinite where that many are not solved."""
    covered = [worth.covered for worth in worths if worth.covered is not None]
    return {
        "to_know": _quantile([worth.to_know for worth in worths], 0.5),
        "to_know_p75": _quantile([worth.to_know for worth in worths], 0.75),
        "to_own": _quantile([worth.to_own for worth in worths], 0.5),
        "to_own_p75": _quantile([worth.to_own for worth in worths], 0.75),
        "solved": statistics.fmean(math.isfinite(worth.to_know) for worth in worths),
        "stop_regret": statistics.fmean(worth.stop_regret for worth in worths),
        "area": statistics.fmean(worth.area for worth in worths),
        "frontier": statistics.fmean(worth.frontier for worth in worths),
        "spent": statistics.median(worth.spent for worth in worths),
        "observations": statistics.median(worth.observations for worth in worths),
        "coverage80": statistics.fmean(covered) if covered else None,
        "seconds": statistics.fmean(worth.seconds for worth in worths),
    }


def _quantile(values: Sequence[float], share: float) -> float:
    """The value that so many of the tasks do not exceed, without blending: infinities stay what they are."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
