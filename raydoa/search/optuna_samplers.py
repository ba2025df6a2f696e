"""Optuna's samplers by name, as searches over the space of plans.

What a sampler draws is a point of the unit cube (`raydoa.search.optuna_space`), and its plan is moved to the nearest one
that may be measured, which is what the sampler is told about. The study is made anew from what is known at every draw,
so a search that is restored goes on the same. Optuna is imported when something is drawn.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydoa.costs.plan import Plan
from raydoa.errors import UserError, did_you_mean
from raydoa.search.baseline_samplers import NOTHING_LEFT, best_seen, generator, open_plans
from raydoa.search.objective import Objective
from raydoa.search.sampler import Observation, SearchState, Suggestion

if TYPE_CHECKING:
    import optuna

_OTHER_CHOICES = 1e6
"""A plan of other choices is farther than any other."""


@dataclass(frozen=True)
class OptunaSampler:
    """A sampler of Optuna's.

    Attributes:
        name: of the sampler, one of `OPTUNA_SAMPLERS`.
        objective: one number, or a frontier; a frontier makes the study one of two objectives.
    """

    name: str
    objective: Objective = "score"

    def __post_init__(self) -> None:
        if self.name not in OPTUNA_SAMPLERS:
            raise UserError(
                f"searcher: found 'optuna:{self.name}'; Optuna's samplers here are {', '.join(OPTUNA_SAMPLERS)}"
                f"{did_you_mean(self.name, list(OPTUNA_SAMPLERS))}"
            )

    def suggest(self, state: SearchState) -> Suggestion:
        """What the sampler draws, or the plan nearest to it that may be measured."""
        left = open_plans(state)
        if not left:
            return Suggestion(why=NOTHING_LEFT, stop=True)
        drawn = self._draw(state)
        nearest = min(left, key=lambda plan: (_distance(drawn, plan), plan))
        return Suggestion(nearest, f"drawn by Optuna's {self.name}")

    def recommend(self, state: SearchState) -> Plan:
        """The best plan that was measured."""
        return best_seen(state)

    def _draw(self, state: SearchState) -> Plan:
        import optuna

        from raydoa.search.optuna_space import distributions, from_params, to_params

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        several = self.objective != "score"
        study = optuna.create_study(
            directions=["maximize", "minimize"] if several else ["maximize"],
            sampler=OPTUNA_SAMPLERS[self.name](generator(state).randrange(2**31)),
        )
        space = state.space
        parameters = distributions(space)
        for observation in state.observations:
            params = to_params(observation.plan, space)
            values = self._values(observation, state)
            if self.name == "nsga2":  # It counts generations in what it has drawn itself.
                study.enqueue_trial(params)
                study.tell(study.ask(parameters), values, state=None if values else _failed())
            else:
                study.add_trial(_trial(params, parameters, values))
        for plan in state.pending:
            study.add_trial(_trial(to_params(plan, space), parameters, None, running=True))
        drawn = from_params(study.ask(parameters).params, space)
        # Of choices that the budget does not pay for there is no nearest plan.
        return drawn if isinstance(drawn, Plan) else space.cheapest()

    def _values(self, observation: Observation, state: SearchState) -> list[float] | None:
        """The objectives of a measured plan; None if it failed."""
        if observation.score is None:
            return None
        if self.objective == "score":
            return [observation.score]
        # kgCO2e is proportional to GPU-seconds, and only the order matters.
        plan, space = observation.plan, state.space
        dollars = self.objective == "frontier"
        burden = space.cost_usd(plan) if dollars else space.question.gpu_seconds(plan)
        return [observation.score, math.log(max(burden, 1e-9))]


def _distance(one: Plan, other: Plan) -> float:
    """How far apart two plans are, in logarithms of their quantities."""
    items = {item for plan in (one, other) for item, _ in plan.quantities}
    apart = math.fsum(
        (math.log1p(one.quantity(item)) - math.log1p(other.quantity(item))) ** 2 for item in items
    )
    return apart + (0.0 if one.choices == other.choices else _OTHER_CHOICES)


def _failed() -> "optuna.trial.TrialState":
    import optuna

    return optuna.trial.TrialState.FAIL


def _trial(
    params: dict[str, Any],
    parameters: "dict[str, optuna.distributions.BaseDistribution]",
    values: list[float] | None,
    *,
    running: bool = False,
) -> "optuna.trial.FrozenTrial":
    import optuna

    states = optuna.trial.TrialState
    ended = states.FAIL if values is None else states.COMPLETE
    return optuna.trial.create_trial(
        state=states.RUNNING if running else ended,
        params=params,
        distributions=parameters,
        values=values,
    )


def _maker(name: str, **settings: Any) -> "Callable[[int], optuna.samplers.BaseSampler]":
    def make(seed: int) -> "optuna.samplers.BaseSampler":
        import optuna

        sampler: optuna.samplers.BaseSampler = getattr(optuna.samplers, name)(seed=seed, **settings)
        return sampler

    return make


OPTUNA_SAMPLERS: Mapping[str, Callable[[int], "optuna.samplers.BaseSampler"]] = {
    "tpe": _maker("TPESampler", multivariate=True, constant_liar=True),
    "gp": _maker("GPSampler"),
    "random": _maker("RandomSampler"),
    "nsga2": _maker("NSGAIISampler", population_size=8),
}
"""Optuna's samplers by name. CMA-ES and QMC keep their place in the trials they drew: they cannot be restored."""
