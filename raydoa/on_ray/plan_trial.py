"""Plans as trials of Ray Tune: a plan is measured, and reports a row for each cell that asked for it.

A trial is a driver: it holds a little memory and no CPU, asks the builder for its artifacts, and waits. What costs CPUs and
GPUs are the stages.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ray import tune

from raydoa.costs.plan import Plan, plan_from_json
from raydoa.experiment.accounting import made_for
from raydoa.experiment.cell import Cell, cell_from_json
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.placement import Placer
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.study import Study
from raydoa.experiment.trial import measure
from raydoa.on_ray.cluster_locks import ClusterLocks
from raydoa.on_ray.runner import ClusterRunner
from raydoa.on_ray.warnings_to_driver import warnings_to_driver
from raydoa.pipeline.builder import Builder


@dataclass(frozen=True)
class Trial:
    """What Tune hands to a trial beside its plan."""

    resolved: Resolved
    runtime: RuntimeConfig


def trial_config(
    plan: Plan, cells: Sequence[Cell], purchased: Mapping[str, int], study: Study
) -> dict[str, Any]:
    """What Tune hands to a trial: plain values, which stand in its `params.json` as well."""
    values = plan.to_json()
    return {
        "trial": {
            "id": study.plan_id(plan),
            **{name: values[name] for name in ("task", "n", "student", "seed", "repeat")},
            # As text: Tune wants all trials' configurations to have the same keys, in lists too.
            "choices": json.dumps(values["choices"]),
            "quantities": json.dumps(values["quantities"]),
            "cells": json.dumps([asdict(cell) for cell in cells]),
            "purchased": json.dumps(dict(purchased)),
        }
    }


def trial_plan(config: Mapping[str, Any]) -> Plan:
    """The plan of a trial."""
    trial = config["trial"]
    texts = {name: json.loads(trial[name]) for name in ("choices", "quantities")}
    return plan_from_json({**trial, **texts})


def trial_cells(config: Mapping[str, Any]) -> list[Cell]:
    """The cells that asked for a trial's plan."""
    return [cell_from_json(cell) for cell in json.loads(config["trial"]["cells"])]


def trial_name(config: Mapping[str, Any]) -> str:
    """A readable name of a trial, unique within a sweep: its first cell and its plan's id."""
    return f"{trial_cells(config)[0].name}-{config['trial']['id']}"


def measure_plan(config: dict[str, Any], trial: Trial) -> None:
    """Tune's trainable of searches, and what sweeps do: one plan to the rows of its cells."""
    warnings_to_driver()
    values, study = config["trial"], trial.resolved.study
    plan = trial_plan(config)
    context = replace(
        trial.resolved.context,
        made_for=made_for(study.sweep_id, values["id"]),
        train_folder=trial.runtime.train_folder,
    )
    context.store.keep_plan(values["id"], plan.to_json())
    runner = ClusterRunner(context, Placer.of(study, trial.runtime))
    builder = Builder(context.store, runner, ClusterLocks(context.store))
    purchased = json.loads(values["purchased"])
    for row in measure(plan, trial_cells(config), purchased, study, builder):
        tune.report(row)
