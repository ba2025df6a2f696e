"""All searches by name, in one place: another one is one more line in `SAMPLERS`.

A name stands for a function from what the search is for, and what is known beforehand, to a `Sampler`. What takes long
to import is imported when it is asked for.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from raydoa.errors import UserError, did_you_mean
from raydoa.search.baseline_samplers import CoarseGrid, Random
from raydoa.search.objective import SHARES, Objective
from raydoa.search.optuna_samplers import OPTUNA_SAMPLERS, OptunaSampler
from raydoa.search.sampler import Sampler

if TYPE_CHECKING:
    from raydoa.search.priors import Knowledge

DEFAULT = "cost_aware"


def sampler_named(
    name: str, objective: Objective = "score", knowledge: "Knowledge | None" = None
) -> Sampler:
    """The search called ``name``.

    Args:
        name: one of `SAMPLERS`.
        objective: what it is for.
        knowledge: from finished sweeps; none, unless given. The baselines have no use for it.

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
    from raydoa.search.priors import Knowledge

    return CostAware(
        knowledge=knowledge or Knowledge(),
        frontier=(1.0,) if objective == "score" else SHARES,
        objective=objective,
    )


def _optuna(name: str, objective: Objective, knowledge: "Knowledge | None") -> Sampler:
    return OptunaSampler(name, objective)


SAMPLERS: Mapping[str, Callable[[Objective, "Knowledge | None"], Sampler]] = {
    DEFAULT: _cost_aware,
    "random": lambda *_: Random(),
    "grid": lambda *_: CoarseGrid(),
    **{f"optuna:{name}": partial(_optuna, name) for name in OPTUNA_SAMPLERS},
}
