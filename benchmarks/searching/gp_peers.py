"""Peers with a Gaussian process of BoTorch's: LogEI, EI per marginal dollar, EEIPU, multi-fidelity KG.

All begin with one random plan of each teacher and one without, and recommend the plan with the best posterior mean. The
improvement is over the best posterior mean of a measured plan, since scores are noisy. Prices and what is in the store
are known to all, so expected costs are the marginal costs themselves.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from raydoa.search.ask_tell import Choice, Known
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate

from .coordinates import Array
from .gp_model import Model, model_of
from .problems import plans_of
from .simple_peers import RandomPlans, payable

_OVERHEAD = 0.0005
"""What a measurement costs at least, in units of B: else what costs nothing would always be next."""

_HOPEFUL = 300
"""Plans that may be best: candidates, and where a fantasy's best is looked up."""


@dataclass(frozen=True)
class GpPeer:
    """Expected improvement over plans, by what it costs or not.

    Attributes:
        cost: "none" is LogEI; "marginal" divides by marginal dollars; "cooled" divides by them to the power of the
            share of money that is left. That is EEIPU (arXiv 2411.03731) with known prices: its expected inverse cost,
            with stages that are cached at next to nothing, is then the inverse of the marginal cost.
    """

    cost: Literal["none", "marginal", "cooled"] = "none"

    def choose(self, known: Known) -> Choice:
        """The plan with the largest value."""
        first = _beginning(known)
        if first is not None:
            return first
        candidates = _open(known, list(plans_of(known.space)))
        if not candidates:
            return Choice(why="no plan is left that can be paid", stop=True)
        model = model_of(known)
        value = model.log_improvement([c.point for c in candidates], self._best(known, model))
        if self.cost != "none":
            power = 1.0 if self.cost == "marginal" else _left(known)
            value = value - power * np.log(_prices(known, candidates))
        return Choice((candidates[int(np.argmax(value))],), f"LogEI, cost: {self.cost}")

    def recommend(self, known: Known) -> Point:
        """The best posterior mean."""
        return _best_mean(known, model_of(known))

    def _best(self, known: Known, model: Model) -> float:
        measured = {seen.candidate.point for seen in known.observations if seen.score is not None}
        plans = [point for point in sorted(measured) if payable(known.space, point)]
        return float(model.mean(plans or sorted(measured)).max())

    def predict(self, known: Known, points: list[Point]) -> tuple[Array, Array]:
        """See `runner.Predictor`."""
        return model_of(known).mean_and_sd(points)


@dataclass(frozen=True)
class KnowledgeGradient:
    """Multi-fidelity knowledge gradient per marginal dollar, over plans and probes on fewer labels or small pools."""

    def choose(self, known: Known) -> Choice:
        """The candidate after which the best plan is expected to be better by most, per dollar."""
        first = _beginning(known)
        if first is not None:
            return first
        plans = list(plans_of(known.space))
        probes = known.space.probes(known.space.budget_usd)
        model = model_of(known, fidelity=True)
        mean, sd = model.mean_and_sd(plans)
        hopeful = [plans[i] for i in np.argsort(-(mean + 2 * sd))[:_HOPEFUL]]
        candidates = _open(known, sorted({*hopeful, *probes}))
        if not candidates:
            return Choice(why="no candidate is left that can be paid", stop=True)
        gain = model.knowledge([c.point for c in candidates], hopeful)
        value = gain / _prices(known, candidates)
        return Choice((candidates[int(np.argmax(value))],), "knowledge gradient per dollar")

    def recommend(self, known: Known) -> Point:
        """The best posterior mean."""
        return _best_mean(known, model_of(known, fidelity=True))

    def predict(self, known: Known, points: list[Point]) -> tuple[Array, Array]:
        """See `runner.Predictor`."""
        return model_of(known, fidelity=True).mean_and_sd(points)


def _beginning(known: Known) -> Choice | None:
    """A random plan of the next teacher; None once each had its turn, or has no plan that can be paid."""
    begun = {seen.candidate.point.teacher for seen in known.observations}
    random = np.random.default_rng([known.seed, len(known.observations), 1])
    for teacher in ("", *known.space.costs.by_name):
        if teacher not in begun:
            left = _open(known, [p for p in plans_of(known.space) if p.teacher == teacher])
            if left:
                return Choice((left[random.integers(len(left))],), "to begin with")
    return None if len(known.observations) > 1 else RandomPlans().choose(known)


def _open(known: Known, points: list[Point]) -> list[Candidate]:
    """What was not tried and can be paid."""
    tried = known.tried
    candidates = [Candidate(point) for point in points]
    left = known.left_usd
    return [c for c in candidates if c not in tried and known.holdings.marginal(c).total <= left]


def _prices(known: Known, candidates: list[Candidate]) -> Array:
    """Marginal dollars, in units of B."""
    budget = known.space.budget_usd
    dollars = np.array([known.holdings.marginal(candidate).total for candidate in candidates])
    return dollars / budget + _OVERHEAD


def _left(known: Known) -> float:
    """The share of the search's money that is left."""
    spent = sum(seen.cost_usd for seen in known.observations)
    return known.left_usd / (known.left_usd + spent)


def _best_mean(known: Known, model: Model) -> Point:
    plans = plans_of(known.space)
    return plans[int(np.argmax(model.mean(plans)))]
