"""A store that has everything: every stage of a sweep as an artifact of one empty file, under its right key."""

import tempfile
import time
from pathlib import Path

from raydoa.experiment.forecast import Forecast
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.trial import Chains, measure
from raydoa.pipeline.builder import Builder, NoLocks
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.pipeline.stages import Checkpoint
from raydoa.store.store import Store

from .grids import planned


def stock(resolved: Resolved, expected: Forecast, store: Store) -> None:
    """Publish every stage of a forecast."""
    chains = Chains(resolved.study)
    made: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="raydoa-") as scratch:
        (Path(scratch) / "empty.json").write_text("{}", encoding="utf-8")
        for cell, plan in expected.plans.items():
            ends = chains.of(cell, plan) if plan.feasible else None
            for end in (ends.teacher, ends.student) if ends else ():
                for stage in end.closure() if end else ():
                    if stage.key not in made and not isinstance(stage, Checkpoint):
                        made.add(stage.key)
                        store.publish(stage, Path(scratch), {"score": 0.5}, {"gpu_seconds": 1.0})


def cpu_ms_per_cell() -> dict[str, float]:
    """CPU milliseconds in which a trial's own code makes a row of what is there, by pool size; without Ray."""
    axes = {"seeds": (0,), "tasks": ("fever",), "n": (100,), "teachers": ("google/t5-v1_1-xxl",)}
    sweep = planned(axes)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="raydoa-") as folder:
        store = Store(folder)
        stock(sweep.resolved, sweep.expected, store)
        builder = Builder(store, LocalRunner(sweep.resolved.context), NoLocks())
        for u in (None, 5000, 100_000):
            cells = [cell for cell in sweep.expected.plans if cell.u == u]
            began = time.process_time()
            for cell in cells:
                measure(cell, 0, sweep.resolved.study, builder)
            spent = time.process_time() - began
            found[f"U = {u:,}" if u else "annotate"] = round(1000 * spent / len(cells), 1)
    return found
