"""The builder's runner on a cluster.

`raydoa.experiment.placement` decides what a stage runs as: labelling as a pool of actors (Ray Data), a large model's
fine-tuning as a worker group (Ray Train), and everything else, small students among them, as a plain task.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError

from raydoa.experiment.placement import ActorPool, Placer, Tasks, WorkerGroup
from raydoa.on_ray.cluster import check_capacity
from raydoa.on_ray.error_causes import actionable_cause
from raydoa.on_ray.finetune import fine_tune
from raydoa.on_ray.gang_scheduling import queued_gang, wait_for_gangs
from raydoa.on_ray.label_pool import label_pool
from raydoa.on_ray.warnings_to_driver import warnings_to_driver
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.file_locks import FileLocks
from raydoa.pipeline.host_memory import host_bytes
from raydoa.store.key import Stage

_MAX_RETRIES = 3
_RESOURCE_UNITS = 10_000
"""Ray counts a resource in so many units; it rounds, and sevenths rounded up would not all fit."""


class ClusterRunner:
    """Runs stages of one cell on the cluster.

    Args:
        context: what stages need to run.
        placer: says what stages run as.
    """

    def __init__(self, context: ExecutionContext, placer: Placer) -> None:
        self._context = context
        self._placer = placer
        self._runtime = placer.runtime

    def run(self, stages: Sequence[Stage]) -> None:
        """See `Runner.run`."""
        grows = self._runtime.cluster_grows
        for placement in self._placer.placed(stages):
            match placement:
                case WorkerGroup():
                    lock = FileLocks(self._context.store).path(placement.stage.key)
                    with queued_gang(str(lock)) as gang:
                        fine_tune(placement.stage, self._context, self._runtime, gang)
                case ActorPool():
                    wait_for_gangs(cluster_grows=grows)
                    label_pool(placement, self._context, self._runtime)
                case Tasks():
                    wait_for_gangs(cluster_grows=grows)
                    self._run_tasks(placement)

    def _run_tasks(self, tasks: Tasks) -> None:
        cpus = self._runtime.cpus_per_worker
        gpus = math.floor(tasks.gpus * _RESOURCE_UNITS) / _RESOURCE_UNITS
        context = replace(self._context, gpu_share=gpus) if 0 < gpus < 1 else self._context
        kind = tasks.stages[0].kind
        memory = max(host_bytes(stage, context) for stage in tasks.stages)
        resources = {"CPU": cpus, "GPU": gpus, "memory": memory}
        check_capacity(resources, 1, kind, self._runtime, "lower cpus_per_worker")
        # SPREAD: by default a task goes into the trial's own placement group, which holds no CPU.
        task = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            memory=memory,
            max_retries=_MAX_RETRIES,
            scheduling_strategy="SPREAD",
        )(_build_stage)
        refs = [task.remote(stage, context) for stage in tasks.stages]
        # One that fails takes no other with it, and while one runs, its key stays locked.
        ray.wait(refs, num_returns=len(refs))
        failures = [failure for ref in refs if (failure := _failure(ref)) is not None]
        if failures:
            raise next(filter(None, map(actionable_cause, failures)), _cause(failures[0]))


def _failure(ref: "ray.ObjectRef[str]") -> RayError | None:
    try:
        ray.get(ref)
    except RayError as failure:
        return failure
    return None


def _cause(failure: RayError) -> Exception:
    """What a task has raised, if it was not Ray that failed."""
    cause: Any = getattr(failure, "cause", None)
    return cause if isinstance(cause, Exception) else failure


def _build_stage(stage: Stage, context: ExecutionContext) -> str:
    warnings_to_driver()
    return build_stage(stage, context).key
