"""Rows and records to compare a sweep on Ray with one process."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.trial import infeasible_row, measure
from raydoa.pipeline.builder import Builder, NoLocks
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.store.record import Record
from raydoa.store.store import Store


def plain_builder(resolved: Resolved) -> Builder:
    """A builder that makes everything as plain PyTorch in this process."""
    resolved.context.store.prepare()
    return Builder(resolved.context.store, LocalRunner(resolved.context), NoLocks())


def without_ray(resolved: Resolved, expected: Forecast) -> dict[str, dict[str, Any]]:
    """The rows as plain PyTorch in this process makes them, by the cell's name."""
    study, builder = resolved.study, plain_builder(resolved)
    rows = [infeasible_row(cell, why, study) for cell, why in expected.infeasible.items()]
    for plan, trial in expected.trials.items():
        rows += measure(plan, trial.cells, trial.purchased, study, builder)
    return {row["cell"]: row for row in rows}


def numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """What must be equal: not what was measured, nor which of two cells was first to make a stage."""
    return {
        name: float(value)
        for name, value in row.items()
        if isinstance(value, int | float)
        and not pd.isna(value)
        and not name.startswith("measured_")
        and name != "cost_incurred"
    }


def records(runtime: RuntimeConfig) -> dict[str, Record]:
    """All records of the sweep's store by key; unlike a key's, an attempt's folder and time tell it apart."""
    store = Store(runtime.store)
    found = {key: store.find(key) for key in store.keys()}
    return {key: record for key, record in found.items() if record is not None}
