"""The builder's `BuildLocks` on a cluster: lock files, and a registry that tells what is built and what has failed."""

from collections.abc import Sequence

import ray

from raydoa.on_ray.build_registry import find_registry
from raydoa.pipeline.builder import BuildOutcome
from raydoa.pipeline.file_locks import FileLocks
from raydoa.store.key import Stage, stage_label
from raydoa.store.store import Store


class ClusterLocks:
    """Locks of one trial (or of the driver) on keys of a store; they are released when its process ends."""

    def __init__(self, store: Store) -> None:
        self._files = FileLocks(store)
        self._registry = find_registry()
        self._job = ray.get_runtime_context().get_job_id()

    def acquire(self, stages: Sequence[Stage]) -> list[Stage]:
        locked = self._files.acquire(stages)
        if not locked:
            return []
        by_lock = {self.name(stage): stage for stage in locked}
        refused = locked  # Unless the registry answers.
        try:
            begin = self._registry.begin.remote(list(by_lock), stage_label(stages[0]), self._job)
            refused = [by_lock[lock] for lock in ray.get(begin)]
        finally:
            self._files.release(refused, BuildOutcome())
        return [stage for stage in locked if stage not in refused]

    def release(self, stages: Sequence[Stage], outcome: BuildOutcome) -> None:
        locks = [self.name(stage) for stage in stages]
        try:
            ray.get(self._registry.end.remote(locks, self._job, outcome))
        finally:
            self._files.release(stages, outcome)

    def wait(self, stage: Stage) -> BuildOutcome | None:
        self._files.wait(stage)
        failed: BuildOutcome | None = ray.get(
            self._registry.given_up.remote(self.name(stage), self._job)
        )
        return failed

    def name(self, stage: Stage) -> str:
        """What the registry calls the build of ``stage``: its lock file."""
        return str(self._files.path(stage.key))
