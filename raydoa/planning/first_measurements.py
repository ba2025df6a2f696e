"""The cheapest measurements that would tell, where nothing is known: of each strategy and its choices one, on owned labels."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from raydoa.costs.items.item import gold_rows, pool_rows
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Plan
from raydoa.planning.scenario import Scenario
from raydoa.strategies import STRATEGIES
from raydoa.strategies.llm_rows import of_llm
from raydoa.strategies.strategy import Strategy

_FIELDS = {"teacher": "teachers", "u": "u", "llm": "llms", "shots": "shots", "llm_rows": "llm_rows"}
"""Of a grid that has values of an axis; it has those of other axes in `choices`."""
_CENT = 10_000
_POOL = 1000
"""Pool rows from which a student shows what its teacher is worth; fewer where there are no more."""


@dataclass(frozen=True)
class FirstMeasurement:
    """A plan on the labels that are owned, with a small pool and all of the recipe's steps.

    Attributes:
        strategy: whose plan it is.
        plan: what is trained.
        ledger: what that costs.
        settings: fields of a sweep that measures it and nothing else, by the names that `raydoa.configure` has for them.
    """

    strategy: str
    plan: Plan
    ledger: Ledger
    settings: Mapping[str, Any]

    @property
    def minutes(self) -> float | None:
        """Of one GPU; None unless all of its unit costs were measured, so that they are of a machine that is there."""
        bases = {line.tariff.basis for line in self.ledger.lines}
        return self.ledger.gpu_seconds / 60 if bases == {"measured"} else None


def first_measurements(scenario: Scenario) -> tuple[FirstMeasurement, ...]:
    """One of each variant that can be measured without buying labels, the cheapest first."""
    found = [m for strategy in STRATEGIES for m in _of(strategy, scenario)]
    # A ceiling is set once, so it is the same in all commands, for all of them.
    most = sum(_real_micro_usd(one, scenario) for one in found)
    limit = {"limit": math.ceil(most / _CENT) / 100}
    limited = [
        replace(one, settings={**one.settings, **limit}) if _real_micro_usd(one, scenario) else one
        for one in found
    ]
    return tuple(sorted(limited, key=lambda m: m.ledger.cost_micro_usd))


def _real_micro_usd(one: FirstMeasurement, scenario: Scenario) -> int:
    """Real money that it takes at most: rows that an LLM labels, and those that it is measured on before."""
    study, question, which = scenario.study, scenario.question, of_llm(one.plan)
    if which is None or not study.llms[which[0]].spends:
        return 0
    asked, data = study.inputs(question.task).llms[which], study.tasks[question.task].data
    line = one.ledger.line("llm_labels")
    assert line is not None, "a plan with an LLM pays it"
    pilot = study.asked_micro_usd(asked.pilot(data, question.n, question.seed))
    return line.cost_micro_usd + pilot


def _of(strategy: Strategy, scenario: Scenario) -> Iterator[FirstMeasurement]:
    """Of each of its choices the probe on all owned labels whose pool is just large enough."""
    question, sweep = scenario.question, scenario.study.sweep
    probes: dict[object, list[Plan]] = {}
    for plan in strategy.probes(scenario.space.ladders):
        if plan.n == gold_rows(plan) == question.n:
            probes.setdefault(plan.choices, []).append(plan)
    for plans in probes.values():
        plan = min(plans, key=lambda p: (pool_rows(p) < _POOL, abs(pool_rows(p) - _POOL)))
        of_plan = strategy.axes_of(plan)
        axes = {axis: of_plan.get(axis) for axis in strategy.axes(sweep.grid, sweep.student)}
        ledger = question.ledger(plan)
        asked = strategy.plan(replace(question, axes=axes), ledger.cost_usd)
        # A sweep's cell is a budget: where that buys something else too (labels that cost nothing), there is no such cell.
        if asked == plan:
            yield FirstMeasurement(
                strategy.name, plan, ledger, _settings(strategy, axes, ledger, scenario)
            )


def _settings(
    strategy: Strategy, axes: Mapping[str, Any], ledger: Ledger, scenario: Scenario
) -> dict[str, Any]:
    question, study = scenario.question, scenario.study
    settings: dict[str, Any] = {"n": [question.n], "strategies": [strategy.name]}
    # A sweep that names LLMs which it does not ask is refused.
    settings |= {"llms": []} if study.llms and "llm" not in axes else {}
    settings |= {_FIELDS[axis]: [value] for axis, value in axes.items() if axis in _FIELDS}
    if "llm" in axes:
        settings["llms"] = [study.llms[axes["llm"]].named]
    others = {axis: [value] for axis, value in axes.items() if axis not in _FIELDS}
    if others:
        settings["choices"] = others
    return {**settings, "budgets": [ledger.cost_usd], "seeds": [question.seed]}
