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

from raydoa.costs.plan import Plan
from raydoa.search.sampler import SearchState, Suggestion
from raydoa.search.space import Space

from .coordinates import Array, plan_coordinates
from .prices import labels_of
from .problems import plans_of
from .simple_peers import RandomPlans, best_seen, teacher_of

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

    def suggest(self, state: SearchState) -> Suggestion:
        """The first suggestion whose plan was not measured yet."""
        observed = {seen.plan: seen for seen in state.observations}
        searcher = self._searcher(state)
        for number in range(_SUGGESTIONS):
            suggested = searcher.suggest(str(number))
            if suggested is None:
                continue
            plan = _nearest(state, suggested)
            if plan not in observed:
                if state.affordable(plan):
                    return Suggestion(plan, f"suggested by {self.name}")
                score, dollars = 0.0, 0.0
            else:
                score, dollars = observed[plan].score, observed[plan].cost_usd
            result = {"error": 1 - (score or 0.0), "usd": max(dollars, 1e-9), "config": suggested}
            searcher.on_trial_complete(str(number), result)
        return RandomPlans().suggest(state)

    def recommend(self, state: SearchState) -> Plan:
        """What has scored best."""
        return best_seen(state)

    def _searcher(self, state: SearchState) -> Any:
        question = state.space.question
        prices = {_NONE: question.tariff("labels", ()).unit_price_usd * 0.01}
        for teacher in question.teachers:
            prices[teacher] = question.tariff("teacher", (("teacher", teacher),)).unit_price_usd
        by_size = sorted(plans_of(state.space), key=labels_of)
        names = [name or _NONE for name in dict.fromkeys(map(teacher_of, by_size))]
        cheapest = min(prices[name] for name in names)
        unit = tune.uniform(0.0, 1.0)
        np.random.seed(state.seed)  # Of the draws that FLAML leaves to NumPy's own generator.
        return _CLASSES[self.name](
            metric="error",
            mode="min",
            space={"teacher": tune.choice(names), **dict.fromkeys(_COLUMNS, unit)},
            low_cost_partial_config={"labels": 0.0, "u": 0.0},
            cat_hp_cost={"teacher": [prices[name] / cheapest for name in names]},
            cost_attr="usd",
            seed=state.seed + 1,
        )


_CLASSES: Mapping[str, Any] = {"CFO": CFO, "BlendSearch": BlendSearch}


def _nearest(state: SearchState, suggested: Mapping[str, Any]) -> Plan:
    """The plan of that teacher whose coordinates are nearest; without a teacher only labels count."""
    teacher = "" if suggested["teacher"] == _NONE else suggested["teacher"]
    columns = _COLUMNS if teacher else {"labels": 2}
    plans, rows = _of_teacher(state.space, teacher)
    wanted = np.array([suggested[name] for name in columns])
    apart = ((rows[:, list(columns.values())] - wanted) ** 2).sum(axis=1)
    return plans[int(np.argmin(apart))]


@lru_cache(maxsize=32)
def _of_teacher(space: Space, teacher: str) -> tuple[list[Plan], Array]:
    """Its plans, and where they lie."""
    mine = [i for i, plan in enumerate(plans_of(space)) if teacher_of(plan) == teacher]
    return [plans_of(space)[i] for i in mine], plan_coordinates(space)[mine]
