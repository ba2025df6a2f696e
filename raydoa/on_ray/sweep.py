"""A sweep with Ray Tune: a cell is a trial.

A trial is a driver: it holds a little memory and no CPU, asks the builder for its artifacts, and reports one flat row.
What costs CPUs and GPUs are the stages, which never wait for each other while they hold any, so concurrency
can be bounded but cannot deadlock. The result dir is named after everything that decides the rows: the same
sweep goes on where it was, and a finished one is read back.
"""

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ray import tune
from ray._common.constants import HEAD_NODE_RESOURCE_NAME
from ray.tune import Callback
from ray.tune.logger import JsonLoggerCallback
from ray.tune.search import BasicVariantGenerator

from raydoa.errors import Interrupted, UserError
from raydoa.experiment.accounting import made_for
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.order import longest_first
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.trial import measure
from raydoa.on_ray.cluster import cluster
from raydoa.on_ray.cluster_locks import ClusterLocks
from raydoa.on_ray.leaked_placement_groups import LeakedPlacementGroups
from raydoa.on_ray.locks import start_locks
from raydoa.on_ray.progress import Progress, cell_of
from raydoa.on_ray.runner import ClusterRunner
from raydoa.on_ray.trackers import Trackers, check_trackers
from raydoa.on_ray.warm_start import arrive, start_warm_start, wait_for_all
from raydoa.pipeline.builder import Builder

logger = logging.getLogger(__name__)

TRIAL_NEEDS = {"memory": 300 * 2**20, HEAD_NODE_RESOURCE_NAME: 0.001}
"""Of a trial: some memory, on the head. What it waits for may lose its machine; it must not go with it."""
MOST_TRIAL_FAILURES = 2


@dataclass(frozen=True)
class Trial:
    """What Tune hands to a trial beside its cell."""

    resolved: Resolved
    runtime: RuntimeConfig


def run_sweep(resolved: Resolved, runtime: RuntimeConfig, expected: Forecast) -> Path:
    """Measure the cells of a forecast and return the result dir.

    Raises:
        UserError: something cannot be reached, the store cannot be written, or a cell failed.
        Interrupted: somebody stopped it. Either way, what is finished stays, and the same command goes on.
    """
    resolved.study.check_reachable()
    check_trackers(runtime.trackers)
    resolved.context.store.prepare()
    result_dir = Path(runtime.results).absolute() / resolved.study.sweep_id
    runtime = runtime.model_copy(
        update={"train_folder": str(result_dir / "train"), "results": str(result_dir.parent)}
    )
    with cluster(namespace=resolved.study.sweep_id):
        start_locks()
        progress = Progress(expected, resolved.context.store)
        tuner = _tuner(Trial(resolved, runtime), result_dir, expected, progress)
        results = tuner.fit()
        failed = [result.error for result in results if result.error is not None]
    if failed:
        raise UserError(
            f"{len(failed)} of {len(results)} cells failed; finished stages stay in {runtime.store}, and the same "
            f"command goes on from there; tracebacks are in {result_dir}/*/error.txt. The first: {_one_line(failed[0])}"
        )
    finished = sum("schema" in (result.metrics or {}) for result in results)
    if finished < len(expected.plans):
        # Tune takes SIGINT and SIGTERM for itself and returns, with those trials that it had begun.
        raise Interrupted(
            f"stopped with {finished} of {len(expected.plans)} cells done; the same command goes on from there"
        )
    return result_dir


def _tuner(trial: Trial, result_dir: Path, expected: Forecast, progress: Progress) -> tune.Tuner:
    at_once = trial.runtime.cells_of_a_sweep
    warm_start = start_warm_start(min(at_once, len(expected.plans)))
    trainable = tune.with_resources(
        tune.with_parameters(measure_after_warm_start, trial=trial, warm_start=warm_start),
        TRIAL_NEEDS,
    )
    callbacks = [
        progress,
        LeakedPlacementGroups(),
        JsonLoggerCallback(),
        Trackers(trial.runtime.trackers, result_dir.name),
    ]
    if tune.Tuner.can_restore(str(result_dir)):
        tuner = tune.Tuner.restore(
            str(result_dir), trainable, resume_unfinished=True, restart_errored=True
        )
        return with_callbacks(tuner, callbacks)
    points = [
        {"cell": {**asdict(cell), "labels_incurred": expected.labels_incurred[cell]}}
        for cell in longest_first(expected)
    ]
    return tune.Tuner(
        trainable,
        param_space={"cell": dict.fromkeys(points[0]["cell"])},
        tune_config=tune.TuneConfig(
            # Not `grid_search`: for each of its trials Tune copies the whole grid, which takes 0.1 s of 10,000 cells.
            search_alg=BasicVariantGenerator(points, at_once),
            num_samples=len(points),
            # Starting a process takes longer than many a cell whose stages are there. (A schedule that stops trials
            # early must not: it is the end of a trial's actor that ends its work and its claims.)
            reuse_actors=True,
            trial_name_creator=lambda t: cell_of(t.config).name,
            trial_dirname_creator=lambda t: f"{cell_of(t.config).name}-{t.trial_id}",
        ),
        run_config=tune.RunConfig(
            name=result_dir.name,
            storage_path=str(result_dir.parent),
            verbose=0,
            callbacks=callbacks,
            failure_config=tune.FailureConfig(max_failures=MOST_TRIAL_FAILURES),
        ),
    )


def with_callbacks(tuner: tune.Tuner, callbacks: list[Callback]) -> tune.Tuner:
    """A tuner that goes on, with what watches it today; by itself it brings back what watched it when it began."""
    tuner._local_tuner.get_run_config().callbacks = callbacks
    return tuner


def measure_cell(config: dict[str, Any], trial: Trial) -> dict[str, Any]:
    """Tune's trainable of searches, and what sweeps do: one cell to one row."""
    cell = cell_of(config)
    study = trial.resolved.study
    context = replace(
        trial.resolved.context,
        made_for=made_for(study, cell),
        train_folder=trial.runtime.train_folder,
    )
    runner = ClusterRunner(context, trial.runtime, study.sweep.grid.teachers)
    builder = Builder(context.store, runner, ClusterLocks(context.store))
    return measure(cell, config["cell"]["labels_incurred"], study, builder).flat()


def measure_after_warm_start(
    config: dict[str, Any], trial: Trial, warm_start: Any
) -> dict[str, Any]:
    """Tune's trainable of sweeps: the first cells of all processes end together (`raydoa.on_ray.warm_start`)."""
    arrive(warm_start)
    row = measure_cell(config, trial)
    wait_for_all(warm_start)
    return row


def _one_line(error: BaseException) -> str:
    """The last line that says something: Ray puts the cause there."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
