"""How raydoa scales: planning, scheduling in simulated time, store operations, and Tune's overhead per cell.

    python benchmarks/scale.py                     the paper's grid, and planning 10,000 cells
    python benchmarks/scale.py --hundredfold       a grid 100 times the paper's as well: minutes, and 6 GB
    python benchmarks/scale.py --tune 100 300      real sweeps on a local Ray whose stages are all in the store

Planning: A builds the stages of every cell, B those of every plan, each once, as the forecast does. CPU time, interleaved.
Scheduling: A is trials in the grid's order, 6 at a time, with Ray's own queue; B is as it runs now. Seconds of work are the
planner's, nothing is trained. The last line is JSON.
"""

import argparse
import json
import pickle
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

from scaling.grids import HUNDREDFOLD, TEN_THOUSAND, Planned, planned
from scaling.stocked import cpu_ms_per_trial

from raydoa.costs.plan import Plan
from raydoa.experiment.placement import Placer
from raydoa.simulation.durations import Startup, durations
from raydoa.simulation.runner import STARTING
from raydoa.simulation.sweep import Simulated, simulate, simulate_sweep

GPUS = (8, 64, 512)
_CELLS_BEFORE = 6
_FAR_SECONDS = 0.03
"""A read from an object store: an assumption, the order of what S3 takes within a region."""


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of A and B, in turn")
    parser.add_argument("--hundredfold", action="store_true")
    parser.add_argument("--tune", type=int, nargs=2, metavar="CELLS", help="a few, and more")
    options = parser.parse_args()
    found: dict[str, Any] = {"benchmark": "scale"}
    if options.tune:
        found["tune"] = _tune(*options.tune)
    else:
        found["planning"] = _planning(planned(TEN_THOUSAND), options.rounds)
        found["trial_cpu_ms"] = cpu_ms_per_trial()
        print(found["trial_cpu_ms"], flush=True)
        found["paper"] = _scheduling(planned({}), before=True)
        if options.hundredfold:
            found["hundredfold"] = _scheduling(planned(HUNDREDFOLD), before=False)
    print(json.dumps(found))


def _planning(sweep: Planned, rounds: int) -> dict[str, Any]:
    """CPU milliseconds per cell to plan it and to name its stages, and what a driver keeps and hands out."""
    study, cells = sweep.resolved.study, list(sweep.expected.cells)

    def each_alone() -> None:
        for cell in cells:
            plan = study.plan(cell)
            assert not isinstance(plan, Plan) or study.graph(plan).evaluations[0].key

    def shared() -> None:
        for plan in {study.plan(cell) for cell in cells}:
            assert not isinstance(plan, Plan) or study.graph(plan).evaluations[0].key

    both = [(_cpu_seconds(each_alone), _cpu_seconds(shared)) for _ in range(rounds)]
    found = {
        "cells": len(cells),
        "plans": len(sweep.expected.trials),
        "stages": len(sweep.expected.stages),
        "ms_per_cell_alone": round(1000 * statistics.median(a for a, _ in both) / len(cells), 2),
        "ms_per_cell_shared": round(1000 * statistics.median(b for _, b in both) / len(cells), 2),
        "ratio_lowest": round(min(a / b for a, b in both), 2),
        "ratio_highest": round(max(a / b for a, b in both), 2),
        "driver_mb": _peak_mb(),
        "handed_to_a_trial_kb": round(len(pickle.dumps(sweep.resolved)) / 1024, 1),
        "forecast_mb": round(len(pickle.dumps(sweep.expected)) / 2**20, 1),
    }
    print(found, flush=True)
    return found


def _scheduling(sweep: Planned, *, before: bool) -> list[dict[str, Any]]:
    found = []
    schedules = {"now": _now}
    if before:
        schedules = {"before": _before, "now": _now, "now, far store": _far_store}
    for gpus in GPUS:
        for name, schedule in schedules.items():
            began = time.process_time()
            done = schedule(sweep, gpus)
            row = {"schedule": name, **_row(done), "cpu_seconds": time.process_time() - began}
            print(row, flush=True)
            found.append(row | {"peak_mb": _peak_mb()})
    return found


def _now(sweep: Planned, gpus: int) -> Simulated:
    running = sweep.runtime.model_copy(update={"cluster_gpus": gpus})
    return simulate_sweep(sweep.resolved.study, running, sweep.expected)


def _far_store(sweep: Planned, gpus: int) -> Simulated:
    running = sweep.runtime.model_copy(update={"cluster_gpus": gpus})
    startup = Startup(store=_FAR_SECONDS)
    return simulate_sweep(sweep.resolved.study, running, sweep.expected, startup)


def _before(sweep: Planned, gpus: int) -> Simulated:
    """A few trials at a time in the grid's order, and groups that get what tasks leave."""
    study, expected = sweep.resolved.study, sweep.expected
    running = sweep.runtime.model_copy(
        update={"cluster_gpus": gpus, "concurrent_trials": _CELLS_BEFORE}
    )
    return simulate(
        [study.graph(plan).evaluations for plan in expected.trials],
        Placer.of(study, running),
        durations(study, expected.stages),
        Startup(),
        gang_scheduling=False,
    )


def _row(done: Simulated) -> dict[str, Any]:
    all_of_it = done.gpus * done.makespan_seconds
    held = {kind: round(seconds / all_of_it, 3) for kind, seconds in done.held.items() if seconds}
    return {
        "gpus": done.gpus,
        "trials": done.trials,
        "bound_hours": round(done.bound.seconds(done.gpus) / 3600, 2),
        "critical_path_hours": round(done.bound.critical_path_seconds / 3600, 2),
        "makespan_hours": round(done.makespan_seconds / 3600, 2),
        "efficiency": round(done.efficiency, 3),
        "starting": held.pop(STARTING, 0.0),
        "idle": round(done.idle_gpu_seconds / all_of_it, 3),
        "work": held,
        "store_operations_per_trial": {
            name: round(count / done.trials, 1) for name, count in done.operations.items()
        },
        "locks_per_trial": round(done.lock_requests / done.trials, 2),
    }


def _tune(few: int, more: int) -> dict[str, Any]:
    """Seconds of two sweeps; what a cell more takes is their difference over that of the cells."""
    from scaling.tuned import seconds_of_a_sweep

    at_once = _CELLS_BEFORE
    first, second = seconds_of_a_sweep(few, at_once), seconds_of_a_sweep(more, at_once)
    found = {
        "cells": [few, more],
        "seconds": [round(first, 1), round(second, 1)],
        "ms_per_cell": round(1000 * (second - first) / (more - few), 1),
        "driver_mb": _peak_mb(),
    }
    print(found, flush=True)
    return found


def _cpu_seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
