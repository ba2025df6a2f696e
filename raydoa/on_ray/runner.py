"""The lab's runner on a cluster: each kind of stage where it belongs.

`raydoa.placement` decides: labelling goes to a pool of actors (Ray Data), a teacher's fine-tuning to a worker group
(Ray Train), and everything else, small students among them, to a plain task.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayTaskError

from raydoa.artifacts.key import Stage
from raydoa.bench import Bench
from raydoa.config import Running
from raydoa.makers import produce
from raydoa.on_ray.cluster import check_room
from raydoa.on_ray.finetune import fine_tune
from raydoa.on_ray.label_pool import label_pool
from raydoa.on_ray.single_flight import claimed
from raydoa.on_ray.turnstile import wait_for_turn, waiting_group
from raydoa.placement import ActorPool, Tasks, WorkerGroup, placed

logger = logging.getLogger(__name__)

_MOST_RETRIES = 3
_PARTS = 10_000
"""Ray counts resources in parts of so many; it rounds, and sevenths rounded up would not all fit."""


class ClusterRunner:
    """Runs stages of one cell on the cluster.

    Args:
        bench: what makers need.
        running: workers and devices.
        teachers: names of the models that are fine-tuned by a worker group.
    """

    def __init__(self, bench: Bench, running: Running, teachers: Sequence[str]) -> None:
        self._bench = bench
        self._running = running
        self._teachers = frozenset(teachers)

    def run(self, stages: Sequence[Stage]) -> None:
        """See `Runner.run`."""
        grows = self._running.cluster_grows
        for placement in placed(stages, self._running, self._teachers):
            match placement:
                case WorkerGroup():
                    claim = claimed(self._bench.store, placement.stage.key)
                    with waiting_group(claim) as group:
                        fine_tune(placement.stage, self._bench, self._running, group)
                case ActorPool():
                    wait_for_turn(cluster_grows=grows)
                    label_pool(placement.shards, self._bench, self._running)
                case Tasks():
                    wait_for_turn(cluster_grows=grows)
                    self._as_tasks(placement)

    def _as_tasks(self, tasks: Tasks) -> None:
        cpus, gpus = self._running.cpus_per_worker, math.floor(tasks.gpus * _PARTS) / _PARTS
        bench = replace(self._bench, gpu_share=gpus) if 0 < gpus < 1 else self._bench
        kind = tasks.stages[0].kind
        check_room({"CPU": cpus, "GPU": gpus}, 1, kind, self._running, "lower cpus_per_worker")
        # SPREAD: a plain task would be put into the trial's own placement group, which holds no CPU.
        task = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            max_retries=_MOST_RETRIES,
            scheduling_strategy="SPREAD",
        )(_produce)
        made = [task.remote(stage, bench) for stage in tasks.stages]
        # One that fails takes no other with it; and while one runs, its key is not free.
        ray.wait(made, num_returns=len(made))
        try:
            ray.get(made)
        except RayTaskError as failure:
            cause: Any = failure.cause
            raise (cause if isinstance(cause, Exception) else failure) from failure


def _produce(stage: Stage, bench: Bench) -> str:
    return produce(stage, bench).key
