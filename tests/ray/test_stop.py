"""A trial that is stopped early gives back its workers, its placement groups and its locks."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune

from raydoa.experiment.placement import Placer
from raydoa.on_ray.cluster_locks import ClusterLocks
from raydoa.on_ray.leaked_placement_groups import LeakedPlacementGroups
from raydoa.on_ray.runner import ClusterRunner
from raydoa.pipeline.builder import Builder
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import FineTune
from raydoa.training.recipe import Execution
from tests.ray.tiny import Tiny
from tests.ray.watching import actors, groups, living, until

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("two_cpus")]


class _StopFirst(tune.Stopper):
    """Stops the first trial as soon as its worker group is at work."""

    def __init__(self) -> None:
        self.workers: list[int] = []

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        if result["who"] == "first" and not self.workers:
            self.workers = living("RayTrainWorker")
        return result["who"] == "first" and bool(self.workers)

    def stop_all(self) -> bool:
        return False


def _trial(
    config: dict[str, Any], stage: FineTune, context: ExecutionContext, placer: Placer
) -> None:
    """Makes the stage, and reports all the while, as a trial must that is to be stopped."""
    builder = Builder(context.store, ClusterRunner(context, placer), ClusterLocks(context.store))
    if config["who"] == "second":
        # The dead ones too: the first may be stopped before anybody else sees its workers alive.
        until("the first trial's group", lambda: bool(actors("RayTrainWorker")))
    failures: list[Exception] = []
    making = threading.Thread(target=_make, args=[builder, stage, failures], daemon=True)
    making.start()
    while making.is_alive():
        tune.report({"who": config["who"], "made": False})
        time.sleep(0.2)
    if failures:
        raise failures[0]
    tune.report({"who": config["who"], "made": context.store.find(stage.key) is not None})


def _make(builder: Builder, stage: FineTune, failures: list[Exception]) -> None:
    try:
        builder.build(stage)
    except Exception as failure:  # noqa: BLE001 - raised by the thread that waits for this one
        failures.append(failure)


def test_another_trial_takes_over(tiny: Tiny, tmp_path: Path) -> None:
    """Both want the same two-worker group on two CPUs; the second waits for the first, which is stopped."""
    stage = tiny.fine_tuning(steps=150)
    context = tiny.context(tmp_path / "store", Execution(checkpoint_every_steps=20))
    runtime = tiny.runtime(tmp_path, train_workers=2, train_folder=str(tmp_path / "train"))
    placer, stop = Placer(runtime, frozenset({"large"})), _StopFirst()
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(_trial, stage=stage, context=context, placer=placer),
            {"memory": 2**20},
        ),
        param_space={"who": tune.grid_search(["first", "second"])},
        tune_config=tune.TuneConfig(reuse_actors=False),
        run_config=tune.RunConfig(
            storage_path=str(tmp_path), stop=stop, verbose=0, callbacks=[LeakedPlacementGroups()]
        ),
    )
    first, second = tuner.fit()
    assert stop.workers and not first.metrics["made"]
    assert second.error is None and second.metrics["made"]
    until("the end of all workers", lambda: not living("RayTrainWorker"))
    until("free CPUs", lambda: ray.available_resources().get("CPU") == 2)
    until("free placement groups", lambda: not groups())
