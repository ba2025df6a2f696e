"""The builder's runner on a cluster: each kind of stage where it belongs.

`raydoa.experiment.placement` decides: labelling goes to a pool of actors (Ray Data), a teacher's fine-tuning to a worker group
(Ray Train), and everything else, small students among them, to a plain task.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayTaskError

from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.placement import ActorPool, Tasks, WorkerGroup, placed
from raydoa.on_ray.cluster import check_room
from raydoa.on_ray.finetune import fine_tune
from raydoa.on_ray.gang_scheduling import wait_for_turn, waiting_group
from raydoa.on_ray.label_pool import label_pool
from raydoa.on_ray.locks import claimed
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.context import ExecutionContext
from raydoa.store.key import Stage

logger = logging.getLogger(__name__)

_MOST_RETRIES = 3
_PARTS = 10_000
"""Ray counts resources in parts of so many; it rounds, and sevenths rounded up would not all fit."""


class ClusterRunner:
    """Runs stages of one cell on the cluster.

    Args:
        context: what makers need.
        runtime: workers and devices.
        teachers: names of the models that are fine-tuned by a worker group.
    """

    def __init__(
        self, context: ExecutionContext, runtime: RuntimeConfig, teachers: Sequence[str]
    ) -> None:
        self._context = context
        self._runtime = runtime
        self._teachers = frozenset(teachers)

    def run(self, stages: Sequence[Stage]) -> None:
        """See `Runner.run`."""
        grows = self._runtime.cluster_grows
        for placement in placed(stages, self._runtime, self._teachers):
            match placement:
                case WorkerGroup():
                    claim = claimed(self._context.store, placement.stage.key)
                    with waiting_group(claim) as group:
                        fine_tune(placement.stage, self._context, self._runtime, group)
                case ActorPool():
                    wait_for_turn(cluster_grows=grows)
                    label_pool(placement.shards, self._context, self._runtime)
                case Tasks():
                    wait_for_turn(cluster_grows=grows)
                    self._as_tasks(placement)

    def _as_tasks(self, tasks: Tasks) -> None:
        cpus, gpus = self._runtime.cpus_per_worker, math.floor(tasks.gpus * _PARTS) / _PARTS
        context = replace(self._context, gpu_share=gpus) if 0 < gpus < 1 else self._context
        kind = tasks.stages[0].kind
        check_room({"CPU": cpus, "GPU": gpus}, 1, kind, self._runtime, "lower cpus_per_worker")
        # SPREAD: a plain task would be put into the trial's own placement group, which holds no CPU.
        task = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            max_retries=_MOST_RETRIES,
            scheduling_strategy="SPREAD",
        )(_build_stage)
        made = [task.remote(stage, context) for stage in tasks.stages]
        # One that fails takes no other with it; and while one runs, its key is not free.
        ray.wait(made, num_returns=len(made))
        try:
            ray.get(made)
        except RayTaskError as failure:
            cause: Any = failure.cause
            raise (cause if isinstance(cause, Exception) else failure) from failure


def _build_stage(stage: Stage, context: ExecutionContext) -> str:
    return build_stage(stage, context).key
