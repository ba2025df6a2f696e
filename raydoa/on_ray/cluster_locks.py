"""The builder's `BuildLocks` on a cluster: a client of the `LockManager` actor."""

import os
from collections.abc import Sequence

import ray

from raydoa.experiment.forecast import stage_label
from raydoa.on_ray.locks import Holder, find_locks, lock_name
from raydoa.pipeline.builder import BuildOutcome
from raydoa.store.key import Stage
from raydoa.store.store import Store


class ClusterLocks:
    """Locks of one trial (or of the driver) on keys of a store; they are released when its process ends."""

    def __init__(self, store: Store) -> None:
        self._manager = find_locks()
        self._store = store
        context = ray.get_runtime_context()
        actor_id = context.get_actor_id()
        self._holder = Holder(
            actor_id or f"driver-{os.getpid()}",
            context.get_job_id(),
            context.current_actor if actor_id else None,
        )

    def acquire(self, stages: Sequence[Stage]) -> list[Stage]:
        by_name = {lock_name(self._store, stage.key): stage for stage in stages}
        label = stage_label(stages[0])
        granted = ray.get(self._manager.acquire.remote(list(by_name), label, self._holder))
        return [by_name[name] for name in granted]

    def release(self, stages: Sequence[Stage], outcome: BuildOutcome) -> None:
        names = [lock_name(self._store, stage.key) for stage in stages]
        ray.get(self._manager.release.remote(names, self._holder.name, outcome))

    def wait(self, stage: Stage) -> BuildOutcome | None:
        """See `BuildLocks.wait`; a holder that dies ends the wait."""
        name = lock_name(self._store, stage.key)
        failed: BuildOutcome | None = ray.get(self._manager.wait.remote(name, self._holder.job))
        return failed
