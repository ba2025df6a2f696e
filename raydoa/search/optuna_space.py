"""A plan as the parameters of an Optuna trial, and back.

What is chosen is one categorical, and of each cost item there is the fraction between the least and the most of it that
makes sense (`raydoa.costs.allocation`). Where cheaper measurements than plans are suggested as well, ``n`` is how many
of the owned labels are used, and ``repeat`` counts trainings of one plan.
"""

import json
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from raydoa.costs.allocation import from_fractions, to_fractions
from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Choices, Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.search.shortlist import MOST_TRAININGS
from raydoa.search.space import Space

_CHOICES, _OWNED, _REPEAT = "choices", "n", "repeat"


def distributions(space: Space, *, probes: bool = False) -> dict[str, BaseDistribution]:
    """The parameters of a plan of the space; with ``n`` and ``repeat`` where probes and repeats are suggested as well."""
    plans = space.points() if probes else space.measurable_plans()
    parameters: dict[str, BaseDistribution] = {
        _CHOICES: CategoricalDistribution(sorted({_name(plan.choices) for plan in plans}))
    }
    if probes:
        parameters[_OWNED] = IntDistribution(1, space.question.n)
        parameters[_REPEAT] = IntDistribution(0, MOST_TRAININGS - 1)
    unit = FloatDistribution(0.0, 1.0)
    return {**parameters, **{_fraction(item): unit for item in ITEMS.names()}}


def to_params(plan: Plan, space: Space, *, probes: bool = False) -> dict[str, Any]:
    """The parameters of a plan; an item of which a plan must have a certain quantity has the fraction 1."""
    fractions = to_fractions(plan, space.measurable_question.owning(plan.n), space.budget_usd)
    return {
        _CHOICES: _name(plan.choices),
        **({_OWNED: plan.n, _REPEAT: plan.repeat} if probes else {}),
        **{_fraction(item): fractions.get(item, 1.0) for item in ITEMS.names()},
    }


def from_params(params: Mapping[str, Any], space: Space) -> Plan | Infeasible:
    """The plan that parameters stand for, one that can be measured; infeasible if the budget does not pay for the least
    of these choices."""
    question = space.measurable_question.owning(params.get(_OWNED, space.question.n))
    fractions = {item: params[_fraction(item)] for item in ITEMS.names()}
    choices = dict(_choices(params[_CHOICES]))
    plan = from_fractions(fractions, choices, question, space.budget_usd)
    return plan.repeated(params.get(_REPEAT, 0)) if isinstance(plan, Plan) else plan


def suggest_plan(trial: optuna.Trial, question: Question, budget_usd: float) -> Plan | Infeasible:
    """Ask an Optuna trial for the parameters of a plan, whatever samples them, and return the plan.

    Raises:
        UserError: the budget pays for no plan.
    """
    space = Space(question, budget_usd)
    probes = _OWNED in trial.relative_params
    for name, distribution in distributions(space, probes=probes).items():
        match distribution:
            case CategoricalDistribution():
                trial.suggest_categorical(name, distribution.choices)
            case IntDistribution():
                trial.suggest_int(name, distribution.low, distribution.high)
            case FloatDistribution():
                trial.suggest_float(name, distribution.low, distribution.high)
    return from_params(trial.params, space)


def _fraction(item: str) -> str:
    return f"fraction_{item}"


def _name(choices: Choices) -> str:
    return json.dumps(dict(choices), sort_keys=True)


def _choices(name: str) -> Choices:
    return tuple(sorted(json.loads(name).items()))
