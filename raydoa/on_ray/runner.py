"""The lab's runner on a cluster: each kind of stage where it belongs.

Labelling goes to a pool of actors (Ray Data), a teacher's fine-tuning to a worker group (Ray Train), and everything
else, small students among them, to a plain task: a worker group costs seconds to start, which a student that trains
for ten cannot earn back.
"""

import logging
from collections.abc import Sequence
from itertools import groupby
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
from raydoa.stages import ChooseSparsity, Evaluate, FineTune, PseudoLabel

logger = logging.getLogger(__name__)

_MOST_RETRIES = 3


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
        first = stages[0]
        if isinstance(first, PseudoLabel):
            shards = [stage for stage in stages if isinstance(stage, PseudoLabel)]
            for _, group in groupby(shards, key=lambda shard: shard.teacher.key):
                label_pool(list(group), self._bench, self._running)
        elif isinstance(first, FineTune) and first.model in self._teachers:
            for stage in stages:
                assert isinstance(stage, FineTune)
                fine_tune(stage, self._bench, self._running)
        else:
            self._as_tasks(stages)

    def _as_tasks(self, stages: Sequence[Stage]) -> None:
        cpus, gpus = self._running.cpus_per_worker, max(self._gpus(stage) for stage in stages)
        check_room(
            {"CPU": cpus, "GPU": gpus}, 1, stages[0].kind, self._running, "lower cpus_per_worker"
        )
        # SPREAD: a plain task would be put into the trial's own placement group, which holds no CPU.
        task = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            max_retries=_MOST_RETRIES,
            scheduling_strategy="SPREAD",
        )(_produce)
        made = [task.remote(stage, self._bench) for stage in stages]
        # One that fails takes no other with it; and while one runs, its key is not free.
        ray.wait(made, num_returns=len(made))
        try:
            ray.get(made)
        except RayTaskError as failure:
            cause: Any = failure.cause
            raise (cause if isinstance(cause, Exception) else failure) from failure

    def _gpus(self, stage: Stage) -> int:
        """GPUs of a task: one, unless a teacher writes in it that fits on no single one."""
        if not self._running.gpus_per_worker:
            return 0
        scored = isinstance(stage, Evaluate) and stage.trained.model in self._teachers
        writes = scored or isinstance(stage, ChooseSparsity)
        return max(1, self._running.gpus_per_label_actor) if writes else 1


def _produce(stage: Stage, bench: Bench) -> str:
    return produce(stage, bench).key
