"""Tune's and raydoa's overhead per cell: a real sweep on a local Ray whose stages are all in the store already.

Nothing is trained, and everything else is real: Tune's trials, the locks, the builder, the plan, the keys, the
store on disk and the row. The artifacts are empty files under the right keys.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raydoa.experiment.config import Grid, RuntimeConfig
from raydoa.experiment.forecast import Forecast, forecast
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.presets import nano
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.on_ray.sweep import run_sweep

from .stocked import stock

_ROWS = 400
_TASK = {
    "name": "rows",
    "prefix": "rows: ",
    "metric": "accuracy",
    "classes": ["YES", "NO"],
    "source_length": 16,
    "target_length": 4,
    "train": "train.jsonl",
    "test": "test.jsonl",
    "label_price": {"usd": 0.5, "source": "a benchmark", "date": "2026-11-22"},
}
_CELLS_PER_SEED = 10


def seconds_of_a_sweep(cells: int, at_once: int) -> float:
    """Wall-clock seconds of Tune's part of a sweep of so many cells, which begins with Ray's first process."""
    with tempfile.TemporaryDirectory(prefix="rd-") as folder, _quiet(folder):
        resolved, runtime, expected = _sweep(Path(folder), cells, at_once)
        stock(resolved, expected, resolved.context.store)
        began = time.perf_counter()
        run_sweep(resolved, runtime, expected)
        return time.perf_counter() - began


@contextmanager
def _quiet(folder: str) -> Iterator[None]:
    os.environ |= {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"}
    yield


def _sweep(folder: Path, cells: int, at_once: int) -> tuple[Resolved, RuntimeConfig, Forecast]:
    for part, count in (("train", _ROWS), ("test", 10)):
        lines = [json.dumps({"source": f"{part} {i}", "target": "YES"}) for i in range(count)]
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    task = folder / "task.yaml"
    task.write_text(json.dumps(_TASK), encoding="utf-8")
    sweep = nano().sweep
    grid = Grid(
        tasks=(str(task),),
        strategies=("annotate", "distill"),
        budgets=(5.0, 100.0, 300.0, 500.0, 1000.0),
        n=(100,),
        u=(200,),
        teachers=("nano-l",),
        seeds=tuple(range(cells // _CELLS_PER_SEED)),
    )
    # Ten shards: a cell has as many stages as one of the paper's with U = 10K.
    sweep = sweep.model_copy(update={"grid": grid, "shard_rows": 20})
    runtime = RuntimeConfig(
        store=str(folder / "store"), results=str(folder / "results"), concurrent_trials=at_once
    )
    resolved = resolve(sweep, runtime)
    named = resolved.study.sweep
    return resolved, runtime, forecast(resolved.study, grid_cells(named.grid, named.student))
