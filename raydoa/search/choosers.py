"""All searches by name, in one place: another one is one more line in `CHOOSERS`.

A name stands for a function from what the search is for, and what is known beforehand, to a `Chooser`. Modules are
imported when they are asked for: Optuna takes seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from raydoa.mistakes import UserMistake, did_you_mean
from raydoa.search.asking import Chooser
from raydoa.search.objective import SHARES, Objective

if TYPE_CHECKING:
    from raydoa.search.surface import Measured

Prior = Sequence["Measured"]

DEFAULT = "cost_aware"


def chooser_named(name: str, objective: Objective = "score", prior: Prior = ()) -> Chooser:
    """The search called ``name``.

    Args:
        name: one of `CHOOSERS`.
        objective: what it is for.
        prior: finished measurements of the task; the baselines have no use for them.

    Raises:
        UserMistake: there is no such search.
    """
    if name not in CHOOSERS:
        known = list(CHOOSERS)
        raise UserMistake(
            f"searcher: found {name!r}; known are {', '.join(known)}{did_you_mean(name, known)}"
        )
    return CHOOSERS[name](objective, prior)


def _cost_aware(objective: Objective, prior: Prior) -> Chooser:
    from raydoa.search.cost_aware import CostAware

    return CostAware(measured=tuple(prior), frontier=(1.0,) if objective == "score" else SHARES)


def _random(objective: Objective, prior: Prior) -> Chooser:
    from raydoa.search.baselines import Random

    return Random()


def _grid(objective: Objective, prior: Prior) -> Chooser:
    from raydoa.search.baselines import Grid

    return Grid()


def _optuna(name: str) -> Callable[[Objective, Prior], Chooser]:
    def chooser(objective: Objective, prior: Prior) -> Chooser:
        from raydoa.search.optuna_samplers import OptunaSampler

        return OptunaSampler(name, objective)

    return chooser


CHOOSERS: Mapping[str, Callable[[Objective, Prior], Chooser]] = {
    DEFAULT: _cost_aware,
    "random": _random,
    "grid": _grid,
    **{f"optuna:{name}": _optuna(name) for name in ("tpe", "gp", "random", "nsga2")},
}
