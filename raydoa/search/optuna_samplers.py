"""Optuna's samplers by name, as searches over the space of plans.

What a sampler draws is moved to the nearest plan that may be measured, and that plan is what it is told about. The
study is made anew from what is known at every draw, so a search that is brought back goes on the same. Optuna is
imported when something is drawn.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydoa.errors import UserError, did_you_mean
from raydoa.search.ask_tell import Choice, Known
from raydoa.search.baseline_samplers import NOTHING_LEFT, best_seen, draws, open_plans
from raydoa.search.costs import Costs, Point
from raydoa.search.objective import Objective, burden_usd

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class OptunaSampler:
    """A sampler of Optuna's, over four coordinates of a plan; what it draws is moved to the nearest plan.

    The study is made anew from what is known at every draw, so a search that is brought back goes on the same.

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

    def choose(self, known: Known) -> Choice:
        """What the sampler draws, or the plan nearest to it that may be measured."""
        left = open_plans(known)
        if not left:
            return Choice(why=NOTHING_LEFT, stop=True)
        ruler = Ruler(known.space.costs, known.space.plans())
        drawn = self._draw(known, ruler)
        nearest = min(left, key=lambda c: (ruler.distance(drawn, c.point), c))
        return Choice((nearest,), f"drawn by Optuna's {self.name}")

    def recommend(self, known: Known) -> Point:
        """The best plan that was measured."""
        return best_seen(known)

    def _draw(self, known: Known, ruler: "Ruler") -> dict[str, Any]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        several = self.objective != "score"
        study = optuna.create_study(
            directions=["maximize", "minimize"] if several else ["maximize"],
            sampler=OPTUNA_SAMPLERS[self.name](draws(known).randrange(2**31)),
        )
        space = ruler.distributions()
        for told in known.observations:
            params = ruler.coordinates(told.candidate.point)
            values = self._values(told.candidate.point, told.score, known.space.costs)
            if self.name == "nsga2":  # It counts generations in what it has drawn itself.
                study.enqueue_trial(params)
                study.tell(study.ask(space), values, state=None if values else _failed())
            else:
                study.add_trial(_trial(params, space, values))
        for candidate in known.pending:
            study.add_trial(_trial(ruler.coordinates(candidate.point), space, None, running=True))
        return dict(study.ask(space).params)

    def _values(self, point: Point, score: float | None, costs: Costs) -> list[float] | None:
        """The objectives of a measured plan; None if it failed."""
        if score is None:
            return None
        if self.objective == "score":
            return [score]
        items = costs.items(point)
        # kgCO2e is proportional to the dollars of computing, and only the order matters.
        burden = burden_usd(items, self.objective)
        return [score, math.log(max(burden, 1e-9))]


class Ruler:
    """A plan's place in the unit cube: its teacher, and labels, U and steps as shares of their (logarithmic) ranges."""

    def __init__(self, costs: Costs, plans: Sequence[Point]) -> None:
        self._costs = costs
        self._teachers = sorted({plan.teacher for plan in plans})
        self._most_labels = max(plan.labels for plan in plans)
        self._most_u = max(1, *(plan.u for plan in plans), 1)
        self._least_u = min((plan.u for plan in plans if plan.u), default=1)

    def distributions(self) -> "dict[str, optuna.distributions.BaseDistribution]":
        """The coordinates in Optuna's words."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        unit = FloatDistribution(0.0, 1.0)
        teachers = CategoricalDistribution(self._teachers)
        return {"teacher": teachers, "labels": unit, "u": unit, "steps": unit}

    def coordinates(self, point: Point) -> dict[str, Any]:
        """Where a plan lies."""
        bought = max(0, point.labels - self._costs.owned)
        most = max(1, self._most_labels - self._costs.owned)
        full = self._costs.full_steps_of(point)
        # A probe on fewer labels than are owned lies at the edge.
        u = _share(max(point.u, self._least_u), self._least_u, self._most_u)
        return {
            "teacher": point.teacher if point.teacher in self._teachers else self._teachers[0],
            "labels": min(1.0, (bought / most) ** 0.5),
            "u": u if point.teacher else 0.0,
            "steps": min(1.0, point.student_steps / full) if full else 1.0,
        }

    def distance(self, drawn: Mapping[str, Any], point: Point) -> float:
        """How far a plan is from what was drawn; another teacher is farther than anything else."""
        there = self.coordinates(point)
        numbers = ("labels", "u", "steps") if point.teacher else ("labels",)
        apart = math.fsum((drawn[name] - there[name]) ** 2 for name in numbers)
        return apart + (0.0 if drawn["teacher"] == there["teacher"] else 10.0)


def _share(value: float, least: float, most: float) -> float:
    if most <= least:
        return 0.0
    return min(1.0, max(0.0, math.log(value / least) / math.log(most / least)))


def _failed() -> "optuna.trial.TrialState":
    import optuna

    return optuna.trial.TrialState.FAIL


def _trial(
    params: dict[str, Any],
    space: "dict[str, optuna.distributions.BaseDistribution]",
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
        distributions=space,
        values=values,
    )


def _tpe(seed: int) -> "optuna.samplers.BaseSampler":
    import optuna

    return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


def _gp(seed: int) -> "optuna.samplers.BaseSampler":
    import optuna

    return optuna.samplers.GPSampler(seed=seed)


def _random(seed: int) -> "optuna.samplers.BaseSampler":
    import optuna

    return optuna.samplers.RandomSampler(seed=seed)


def _nsga2(seed: int) -> "optuna.samplers.BaseSampler":
    import optuna

    return optuna.samplers.NSGAIISampler(seed=seed, population_size=8)


OPTUNA_SAMPLERS: Mapping[str, Callable[[int], "optuna.samplers.BaseSampler"]] = {
    "tpe": _tpe,
    "gp": _gp,
    "random": _random,
    "nsga2": _nsga2,
}
"""Optuna's samplers by name. CMA-ES and QMC keep their place in the trials they drew: they cannot be brought back."""
