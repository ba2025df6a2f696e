"""Rows and records to compare a sweep on Ray with one process."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from raydoa.artifacts.record import Record
from raydoa.artifacts.store import Store
from raydoa.config import Running
from raydoa.forecast import Forecast
from raydoa.lab import Lab, SoleMaker
from raydoa.local_runner import LocalRunner
from raydoa.resolve import Resolved
from raydoa.result_row import row_of
from raydoa.trial import measure


def plain_lab(resolved: Resolved) -> Lab:
    """A lab that makes everything as plain PyTorch in this process."""
    resolved.bench.store.prepare()
    return Lab(resolved.bench.store, LocalRunner(resolved.bench), SoleMaker())


def without_ray(resolved: Resolved, expected: Forecast) -> dict[str, dict[str, Any]]:
    """The rows as plain PyTorch in this process makes them, by the cell's name."""
    lab = plain_lab(resolved)
    rows = [
        row_of(measure(cell, count, resolved.study, lab).flat())
        for cell, count in expected.labels_incurred.items()
    ]
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


def records(running: Running) -> dict[str, Record]:
    """All records of the sweep's store by key; unlike a key's, an attempt's folder and time tell it apart."""
    store = Store(running.store)
    found = {key: store.find(key) for key in store.keys()}
    return {key: record for key, record in found.items() if record is not None}
