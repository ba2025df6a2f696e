"""Trials of plans with Ray Tune, always from the start: what Tune keeps for going on is pickled, and is never read.

A result dir may be shared, and whoever can write there must not be able to run code here. So whoever calls this asks only for plans that
have no rows yet, or asks its own log; what was made before is in the store, and such a trial finds it there.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import JsonLoggerCallback

from raydoa.errors import UserError
from raydoa.on_ray.cluster import TRIAL_NEEDS
from raydoa.on_ray.error_causes import error_in
from raydoa.on_ray.leaked_placement_groups import LeakedPlacementGroups
from raydoa.on_ray.plan_trial import trial_name
from raydoa.on_ray.ray_internals import (
    callbacks_are_not_counted,
    error_text_of,
    no_experiment_is_unpickled,
)
from raydoa.on_ray.warnings_to_driver import WarningsOfWorkers
from raydoa.store import lock_file

_MAX_FAILURES = 2
_LOCK = "running.lock"


class FailedTrials(tune.Callback):
    """Collects what trials failed with."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune calls this when it gives a trial up."""
        self.errors.append(error_in(error_text_of(trial)))


def run_trials(
    trainable: Any,
    result_dir: Path,
    searcher: Any,
    count: int,
    callbacks: Sequence[tune.Callback],
    keys: Sequence[str] = (),
) -> tuple[int, list[Exception]]:
    """Run ``count`` trials (-1: until ``searcher`` has finished); returns how many left a row, and what the failed ones raised.

    Args:
        trainable: one plan to the rows of its cells.
        result_dir: each trial has a folder there.
        searcher: gives the trials their configurations.
        count: of trials.
        callbacks: beside those that every run has.
        keys: of the configurations, which Tune's own searcher must know.
    """
    failed = FailedTrials()
    ours = [WarningsOfWorkers(), *callbacks, failed, LeakedPlacementGroups()]
    with no_experiment_is_unpickled(), callbacks_are_not_counted():
        analysis = tune.run(
            tune.with_resources(trainable, TRIAL_NEEDS),
            config={"trial": dict.fromkeys(keys)} if keys else None,
            search_alg=searcher,
            num_samples=count,
            # Starting a process takes longer than many a cell whose stages are there. (A schedule that stops trials
            # early must not: it is the end of a trial's actor that ends its work and releases its locks.)
            reuse_actors=True,
            trial_name_creator=lambda t: trial_name(t.config),
            trial_dirname_creator=lambda t: f"{trial_name(t.config)}-{t.trial_id}",
            name=result_dir.name,
            storage_path=str(result_dir.parent),
            verbose=0,
            callbacks=[*ours, JsonLoggerCallback()],
            max_failures=_MAX_FAILURES,
            raise_on_failed_trial=False,
        )
    finished = sum(
        trial.status == Trial.TERMINATED and "schema" in (trial.last_result or {})
        for trial in analysis.trials
    )
    return finished, failed.errors


@contextmanager
def alone_in(result_dir: Path, cache: Path) -> Iterator[None]:
    """Hold a result dir, which may be new: two processes in one would write the same rows.

    Args:
        result_dir: where they would.
        cache: a folder of this machine, for the lock of a result dir whose file system has none.

    Raises:
        UserError: somebody else holds it, it cannot be written, or its folder of trainings is a link to somewhere.
    """
    if (result_dir / "train").is_symlink():
        raise UserError(
            f"{result_dir}/train: a symbolic link is where a folder is needed; remove it"
        )
    of_machine = lock_file.of_machine(str(result_dir), cache)
    lock = lock_file.acquire(lock_file.lockable(result_dir, of_machine), _LOCK)
    if lock is None:
        raise UserError(
            f"{result_dir}: another process is running this; wait for it or stop it, then run the same command again"
        )
    try:
        yield
    finally:
        lock.release()
