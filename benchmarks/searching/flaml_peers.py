"""CFO and BlendSearch of FLAML. They keep what they do not tell, so each proposal replays the run from its beginning.

What they suggest is moved to the nearest plan of that teacher. A plan that was measured already costs nothing: they are
told its score, and go on. They know which end of each dimension is cheap, and what the teachers cost.
"""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # FLAML's other half, AutoML, is not installed.
    import optuna  # BlendSearch's global part; without it CFO is all there is of it.
    from flaml import CFO, BlendSearch, tune

from raydoa.search.ask_tell import Choice, Known
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate
from raydoa.search.space import Space

from .coordinates import Array, plan_coordinates
from .problems import plans_of
from .simple_peers import RandomPlans, best_seen

logging.getLogger("flaml").setLevel(logging.ERROR)
optuna.logging.set_verbosity(optuna.logging.ERROR)

_NONE = "none"
_COLUMNS = {"labels": 2, "u": 3, "epochs": 4}
_SUGGESTIONS = 100
"""After so many suggestions without a new plan, a random one is taken."""


@dataclass(frozen=True)
class FlamlPeer:
    """One of both."""

    name: Literal["CFO", "BlendSearch"] = "CFO"

    def choose(self, known: Known) -> Choice:
        """The first suggestion whose plan was not measured yet."""
        observed = {seen.candidate.point: seen for seen in known.observations}
        searcher = self._searcher(known)
        for number in range(_SUGGESTIONS):
            suggested = searcher.suggest(str(number))
            if suggested is None:
                continue
            plan = _nearest(known, suggested)
            if plan not in observed:
                candidate = Candidate(plan)
                if known.affordable([candidate]):
                    return Choice((candidate,), f"suggested by {self.name}")
                score, dollars = 0.0, 0.0
            else:
                score, dollars = observed[plan].score, observed[plan].cost_usd
            result = {"error": 1 - (score or 0.0), "usd": max(dollars, 1e-9), "config": suggested}
            searcher.on_trial_complete(str(number), result)
        return RandomPlans().choose(known)

    def recommend(self, known: Known) -> Point:
        """What has scored best."""
        return best_seen(known)

    def _searcher(self, known: Known) -> Any:
        costs = known.space.costs
        prices = {_NONE: costs.label_usd * 0.01, **{t.name: t.step_usd for t in costs.teachers}}
        names = [
            name or _NONE for name in dict.fromkeys(plan.teacher for plan in plans_of(known.space))
        ]
        cheapest = min(prices[name] for name in names)
        unit = tune.uniform(0.0, 1.0)
        np.random.seed(known.seed)  # Of the draws that FLAML leaves to NumPy's own generator.
        return _CLASSES[self.name](
            metric="error",
            mode="min",
            space={"teacher": tune.choice(names), **dict.fromkeys(_COLUMNS, unit)},
            low_cost_partial_config={"labels": 0.0, "u": 0.0},
            cat_hp_cost={"teacher": [prices[name] / cheapest for name in names]},
            cost_attr="usd",
            seed=known.seed + 1,
        )


_CLASSES: Mapping[str, Any] = {"CFO": CFO, "BlendSearch": BlendSearch}


def _nearest(known: Known, suggested: Mapping[str, Any]) -> Point:
    """The plan of that teacher whose coordinates are nearest; without a teacher only labels count."""
    teacher = "" if suggested["teacher"] == _NONE else suggested["teacher"]
    columns = _COLUMNS if teacher else {"labels": 2}
    plans, rows = _of_teacher(known.space, teacher)
    wanted = np.array([suggested[name] for name in columns])
    apart = ((rows[:, list(columns.values())] - wanted) ** 2).sum(axis=1)
    return plans[int(np.argmin(apart))]


@lru_cache(maxsize=32)
def _of_teacher(space: Space, teacher: str) -> tuple[list[Point], Array]:
    """Its plans, and where they lie."""
    mine = [i for i, plan in enumerate(plans_of(space)) if plan.teacher == teacher]
    return [plans_of(space)[i] for i in mine], plan_coordinates(space)[mine]
