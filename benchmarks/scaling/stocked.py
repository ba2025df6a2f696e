"""A store that has everything: every stage of a sweep as an artifact of one empty file, under its right key."""

import tempfile
import time
from pathlib import Path

from raydoa.experiment.forecast import Forecast
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.trial import measure
from raydoa.pipeline.beginnings import Checkpoint
from raydoa.pipeline.builder import Builder, NoLocks
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.store.key import closure
from raydoa.store.store import Store

from .grids import planned


def stock(resolved: Resolved, expected: Forecast, store: Store) -> None:
    """Publish every stage of a forecast."""
    made: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="raydoa-") as scratch:
        (Path(scratch) / "empty.json").write_text("{}", encoding="utf-8")
        for plan in expected.trials:
            for stage in closure(resolved.study.graph(plan).evaluations):
                if stage.key not in made and not isinstance(stage, Checkpoint):
                    made.add(stage.key)
                    store.publish(stage, Path(scratch), {"score": 0.5}, {"gpu_seconds": 1.0})


def cpu_ms_per_trial() -> dict[str, float]:
    """CPU milliseconds in which a trial's own code makes the rows of what is there, by pool size; without Ray."""
    axes = {"seeds": (0,), "tasks": ("fever",), "n": (100,), "teachers": ("google/t5-v1_1-xxl",)}
    sweep = planned(axes)
    by_pool: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="raydoa-") as folder:
        store = Store(folder)
        stock(sweep.resolved, sweep.expected, store)
        builder = Builder(store, LocalRunner(sweep.resolved.context), NoLocks())
        for u in (None, 5000, 100_000):
            trials = [
                (plan, trial)
                for plan, trial in sweep.expected.trials.items()
                if plan.quantity("pseudo_labels") == (u or 0)
            ]
            began = time.process_time()
            for plan, trial in trials:
                measure(plan, trial.cells, trial.purchased, sweep.resolved.study, builder)
            spent = time.process_time() - began
            by_pool[f"U = {u:,}" if u else "annotate"] = round(1000 * spent / len(trials), 1)
    return by_pool
