"""A sweep with Ray Tune: a plan is a trial, and reports a row for each cell that asked for it.

A trial is a driver: it holds a little memory and no CPU, asks the builder for its artifacts, and reports flat rows. What
costs CPUs and GPUs are the stages, which never wait for each other while they hold any, and trials leave most of the head's
memory to them: concurrency can be bounded but cannot deadlock. The result dir is named after everything that decides the
rows: the same sweep measures the plans that have no rows there yet, and a finished one is read back.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import tune

from raydoa.costs.plan import Plan
from raydoa.errors import Interrupted, RunFailed, UserError
from raydoa.experiment.beside_rows import write_beside_rows
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.result_row import DRIVER_FILE
from raydoa.experiment.schedule import Schedule, schedule
from raydoa.experiment.study import Study
from raydoa.experiment.trial import awaiting_row, infeasible_row
from raydoa.on_ray.build_registry import start_registry
from raydoa.on_ray.cluster import cluster, trials_that_fit
from raydoa.on_ray.error_causes import failure_of_cells
from raydoa.on_ray.full_disk import full_disk, full_disk_is_told, is_full_disk
from raydoa.on_ray.llm_doors import with_doors
from raydoa.on_ray.plan_trial import (
    Trial,
    measure_plan,
    trial_config,
)
from raydoa.on_ray.progress import Progress
from raydoa.on_ray.run_trials import alone_in, run_trials
from raydoa.on_ray.seed_searcher import SeedSearcher
from raydoa.on_ray.seed_tables import SeedTables
from raydoa.on_ray.trackers import Trackers, check_trackers
from raydoa.on_ray.warm_start import arrive, start_warm_start, wait_for_all
from raydoa.pipeline.context import TOKEN_FOLDER
from raydoa.report.results import PAGE, finished_plans, read
from raydoa.store.local_storage import LocalStorage

logger = logging.getLogger(__name__)


def run_sweep(resolved: Resolved, runtime: RuntimeConfig, expected: Forecast) -> Path:
    """Measure the cells of a forecast and return the result dir.

    Raises:
        UserError: something cannot be reached, the store cannot be written, another process is running this sweep, or an
            input failed a cell.
        RunFailed: cells failed otherwise.
        Interrupted: somebody stopped it. In each case what is finished stays, and the same command resumes.
    """
    resolved.study.check_reachable()
    check_trackers(runtime.trackers)
    resolved.context.store.prepare()
    result_dir = Path(runtime.results).absolute() / resolved.study.sweep_id
    runtime = runtime.model_copy(
        update={"train_folder": str(result_dir / "train"), "results": str(result_dir.parent)}
    )
    with alone_in(result_dir, resolved.context.store.cache_dir):
        write_beside_rows(resolved, result_dir)
        _write_rows_without_trial(resolved.study, expected, result_dir)
        finished = finished_plans(result_dir) if expected.trials else set()
        order = schedule(expected, runtime)
        left = [p for p in order.plans if resolved.study.plan_id(p) not in finished]
        if left:
            with (
                full_disk_is_told(runtime),
                cluster(resolved.study.sweep_id, store=runtime.store),
            ):
                try:
                    _measure(
                        left, order, Trial(with_doors(resolved), runtime), result_dir, expected
                    )
                except (RunFailed, UserError, Interrupted):
                    # Else it would say that the sweep goes on.
                    if (result_dir / PAGE).exists():
                        _write_page(result_dir)
                    raise
        LocalStorage(result_dir).remove_folder(f"train/{TOKEN_FOLDER}")
        if left or not (result_dir / PAGE).exists():
            _write_page(result_dir)
    return result_dir


def _measure(
    left: Sequence[Plan], order: Schedule, trial: Trial, result_dir: Path, expected: Forecast
) -> None:
    """Measure the plans of an order that are left, on a cluster that is up. Raises as `run_sweep`."""
    start_registry()
    at_once, study = trials_that_fit(trial.runtime.trials_of_a_sweep), trial.resolved.study
    warm_start = start_warm_start(order.begin_together(left, at_once))
    trainable = tune.with_parameters(measure_after_warm_start, trial=trial, warm_start=warm_start)
    points = [
        trial_config(plan, expected.trials[plan].cells, expected.trials[plan].purchased, study)
        for plan in left
    ]
    plans, finished = len(expected.trials), set(expected.trials) - set(left)
    searcher = SeedSearcher(points, at_once, order.turns())
    context = trial.resolved.context
    progress = Progress(
        expected, context.store, finished, context.doors, order if order.by_seed else None
    )
    tables = SeedTables(order, finished, study, result_dir)
    callbacks = [tables, progress, Trackers(trial.runtime.trackers, result_dir.name)]
    keys = tuple(points[0]["trial"])
    done, failed = run_trials(trainable, result_dir, searcher, len(points), callbacks, keys)
    if failed:
        told = [full_disk(trial.runtime) if is_full_disk(error) else error for error in failed]
        raise failure_of_cells(
            told,
            f"{len(failed)} of {plans} trials failed; finished stages stay in {trial.runtime.store}, and the same "
            f"command resumes from there; tracebacks are in {result_dir}/*/error.txt. The first",
        )
    if done < len(left):
        # Tune takes SIGINT for itself and returns, with those trials that it had begun.
        done += len(finished)
        raise Interrupted(
            f"stopped with {done} of {plans} trials done; the same command goes on from there"
        )


def _write_rows_without_trial(study: Study, expected: Forecast, result_dir: Path) -> None:
    """Rows of cells that have no trial: the driver writes them, in one go, whenever the sweep is run."""
    rows = [infeasible_row(cell, why, study) for cell, why in expected.infeasible.items()]
    rows += [awaiting_row(cell, plan, study) for cell, plan in expected.awaiting.items()]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    LocalStorage(result_dir).write(DRIVER_FILE, lines.encode())


def _write_page(result_dir: Path) -> None:
    """The page of all that is there, over that of the seeds that came first; what is in its way has cost no row."""
    from raydoa.report.answers import write_sweep_page  # Of what it draws on, scipy takes a second.

    try:
        loaded = read(str(result_dir))
        write_sweep_page(loaded.cells, result_dir, loaded.gaps)
    except (UserError, OSError) as error:
        logger.warning("no page: %s", error)


def measure_after_warm_start(config: dict[str, Any], trial: Trial, warm_start: Any) -> None:
    """Tune's trainable of sweeps: the first trials of all processes end together (`raydoa.on_ray.warm_start`)."""
    arrive(warm_start)
    measure_plan(config, trial)
    wait_for_all(warm_start)
