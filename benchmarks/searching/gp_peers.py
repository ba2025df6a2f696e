"""Peers with a Gaussian process of BoTorch's: LogEI, EI per marginal dollar, EEIPU, multi-fidelity KG.

All begin with one random plan of each teacher and one without, and recommend the plan with the best posterior mean. The
improvement is over the best posterior mean of a measured plan, since scores are noisy. Prices and what is in the store
are known to all, so expected costs are the marginal costs themselves.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from raydoa.costs.plan import Plan
from raydoa.search.sampler import SearchState, Suggestion

from .coordinates import Array
from .gp_model import Model, model_of
from .problems import plans_of
from .simple_peers import RandomPlans, payable, teacher_of

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

    def suggest(self, state: SearchState) -> Suggestion:
        """The plan with the largest value."""
        first = _beginning(state)
        if first is not None:
            return first
        candidates = _open(state, list(plans_of(state.space)))
        if not candidates:
            return Suggestion(why="no plan is left that can be paid", stop=True)
        model = model_of(state)
        value = model.log_improvement(candidates, self._best(state, model))
        if self.cost != "none":
            power = 1.0 if self.cost == "marginal" else _left(state)
            value = value - power * np.log(_prices(state, candidates))
        return Suggestion(candidates[int(np.argmax(value))], f"LogEI, cost: {self.cost}")

    def recommend(self, state: SearchState) -> Plan:
        """The best posterior mean."""
        return _best_mean(state, model_of(state))

    def _best(self, state: SearchState, model: Model) -> float:
        measured = {seen.plan for seen in state.observations if seen.score is not None}
        plans = [plan for plan in sorted(measured) if payable(state.space, plan)]
        return float(model.mean(plans or sorted(measured)).max())

    def predict(self, state: SearchState, plans: list[Plan]) -> tuple[Array, Array]:
        """See `runner.Predictor`."""
        return model_of(state).mean_and_sd(plans)


@dataclass(frozen=True)
class KnowledgeGradient:
    """Multi-fidelity knowledge gradient per marginal dollar, over plans and probes on fewer labels or small pools."""

    def suggest(self, state: SearchState) -> Suggestion:
        """The candidate after which the best plan is expected to be better by most, per dollar."""
        first = _beginning(state)
        if first is not None:
            return first
        plans = list(plans_of(state.space))
        probes = state.space.probes(state.space.budget_usd)
        model = model_of(state, fidelity=True)
        mean, sd = model.mean_and_sd(plans)
        hopeful = [plans[i] for i in np.argsort(-(mean + 2 * sd))[:_HOPEFUL]]
        candidates = _open(state, sorted({*hopeful, *probes}))
        if not candidates:
            return Suggestion(why="no candidate is left that can be paid", stop=True)
        gain = model.knowledge(candidates, hopeful)
        value = gain / _prices(state, candidates)
        return Suggestion(candidates[int(np.argmax(value))], "knowledge gradient per dollar")

    def recommend(self, state: SearchState) -> Plan:
        """The best posterior mean."""
        return _best_mean(state, model_of(state, fidelity=True))

    def predict(self, state: SearchState, plans: list[Plan]) -> tuple[Array, Array]:
        """See `runner.Predictor`."""
        return model_of(state, fidelity=True).mean_and_sd(plans)


def _beginning(state: SearchState) -> Suggestion | None:
    """A random plan of the next teacher; None once each had its turn, or has no plan that can be paid."""
    begun = {teacher_of(seen.plan) for seen in state.observations}
    random = np.random.default_rng([state.seed, len(state.observations), 1])
    for teacher in ("", *state.space.question.teachers):
        if teacher not in begun:
            left = _open(state, [p for p in plans_of(state.space) if teacher_of(p) == teacher])
            if left:
                return Suggestion(left[random.integers(len(left))], "to begin with")
    return None if len(state.observations) > 1 else RandomPlans().suggest(state)


def _open(state: SearchState, plans: list[Plan]) -> list[Plan]:
    """What was not tried and can be paid."""
    tried = state.tried
    return [plan for plan in plans if plan not in tried and state.affordable(plan)]


def _prices(state: SearchState, candidates: list[Plan]) -> Array:
    """Marginal dollars, in units of B."""
    budget = state.space.budget_usd
    dollars = np.array([state.marginal_usd(plan) for plan in candidates])
    return dollars / budget + _OVERHEAD


def _left(state: SearchState) -> float:
    """The share of the search's money that is left."""
    spent = sum(seen.cost_usd for seen in state.observations)
    return state.left_usd / (state.left_usd + spent)


def _best_mean(state: SearchState, model: Model) -> Plan:
    plans = plans_of(state.space)
    return plans[int(np.argmax(model.mean(plans)))]
