"""The builder's locks on a cluster: claims go through the sweep's `Claims` actor."""

import os
from collections.abc import Sequence

import ray

from raydoa.experiment.forecast import stage_label
from raydoa.on_ray.locks import Holder, LockEnd, claimed, find_locks
from raydoa.pipeline.builder import Outcome
from raydoa.store.key import Stage
from raydoa.store.store import Store


class ClusterLocks:
    """Claims of one trial (or of the driver); they end with the process that made them.

    Args:
        store: where artifacts are to be; the same key in another store is another claim.
    """

    def __init__(self, store: Store) -> None:
        self._claims = find_locks()
        self._store = store
        context = ray.get_runtime_context()
        actor_id = context.get_actor_id()
        self._holder = Holder(
            actor_id or f"driver-{os.getpid()}",
            context.get_job_id(),
            (context.current_actor,) if actor_id else (),
        )

    def claim(self, stages: Sequence[Stage]) -> list[Stage]:
        """The stages that nobody else is making."""
        by_key = {claimed(self._store, stage.key): stage for stage in stages}
        granted = ray.get(
            self._claims.claim.remote(list(by_key), stage_label(stages[0]), self._holder)
        )
        return [by_key[key] for key in granted]

    def release(self, stages: Sequence[Stage], outcome: Outcome) -> None:
        """End our claims."""
        keys = [claimed(self._store, stage.key) for stage in stages]
        ray.get(self._claims.release.remote(keys, self._holder.name, outcome))

    def wait(self, stage: Stage) -> str | None:
        """Block until the maker of ``stage`` is done with it, or is dead."""
        landed: LockEnd = ray.get(
            self._claims.wait.remote(claimed(self._store, stage.key), self._holder.job)
        )
        return landed.error
