"""All searches by name, in one place: another one is one more line in `SAMPLERS`.

A name stands for a function from what the search is for, and what is known beforehand, to a `Sampler`. Modules are
imported when they are asked for: Optuna takes seconds.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from raydoa.errors import UserError, did_you_mean
from raydoa.search.ask_tell import Sampler
from raydoa.search.objective import SHARES, Objective

if TYPE_CHECKING:
    from raydoa.search.priors import Knowledge

DEFAULT = "cost_aware"

Make = Callable[[Objective, "Knowledge | None"], Sampler]


def sampler_named(
    name: str, objective: Objective = "score", knowledge: "Knowledge | None" = None
) -> Sampler:
    """The search called ``name``.

    Args:
        name: one of `SAMPLERS`.
        objective: what it is for.
        knowledge: from finished sweeps; what raydoa ships, unless given. The baselines have no use for it.

    Raises:
        UserError: there is no such search.
    """
    if name not in SAMPLERS:
        names = list(SAMPLERS)
        raise UserError(
            f"searcher: found {name!r}; known are {', '.join(names)}{did_you_mean(name, names)}"
        )
    return SAMPLERS[name](objective, knowledge)


def _cost_aware(objective: Objective, knowledge: "Knowledge | None") -> Sampler:
    from raydoa.search.cost_aware import CostAware
    from raydoa.search.priors import Knowledge, shipped

    return CostAware(
        knowledge=knowledge or Knowledge(prior=shipped()),
        frontier=(1.0,) if objective == "score" else SHARES,
        of_computing=objective == "frontier_kgco2e",
    )


def _random(objective: Objective, knowledge: "Knowledge | None") -> Sampler:
    from raydoa.search.baseline_samplers import Random

    return Random()


def _grid(objective: Objective, knowledge: "Knowledge | None") -> Sampler:
    from raydoa.search.baseline_samplers import CoarseGrid

    return CoarseGrid()


def _optuna(name: str) -> Make:
    def sampler(objective: Objective, knowledge: "Knowledge | None") -> Sampler:
        from raydoa.search.optuna_samplers import OptunaSampler

        return OptunaSampler(name, objective)

    return sampler


SAMPLERS: Mapping[str, Make] = {
    DEFAULT: _cost_aware,
    "random": _random,
    "grid": _grid,
    **{f"optuna:{name}": _optuna(name) for name in ("tpe", "gp", "random", "nsga2")},
}
