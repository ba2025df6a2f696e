"""Gang scheduling: while a worker group is pending, nothing smaller is submitted to Ray.

Ray gives a freed GPU to whatever is pending on its node, and a worker group needs all of its GPUs free at one moment,
so with more tasks pending than there are GPUs a group would start last of all (docs/scale.md). Whoever is about to
submit tasks or actors therefore waits here while a gang is pending. What runs goes on, and ends, and makes room.
Gangs are queued: only the first is submitted to Ray, so that many of them cost no more than one.

A gang that the cluster has no capacity for, as when nodes were lost, delays nobody. Where the cluster grows, its nodes
may be starting, and it delays tasks and labelling for that long: what was submitted before the nodes came would have
them first. It delays no other gang: the autoscaler should see all of them at once.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray

from raydoa.on_ray.build_registry import Gang, find_registry
from raydoa.on_ray.cluster import capacity_for

_POLL_SECONDS = 15.0
_GROWTH_SECONDS = 900.0
"""Until a machine of a cloud has booted and installed everything; after that none is to be had."""


@dataclass(frozen=True)
class QueuedGang:
    """The gang of one lock's holder; it travels to its workers, the first of which says that they are running."""

    registry: Any
    lock: str

    def enqueue(self, num_workers: int, resources_per_worker: Mapping[str, int]) -> None:
        """Queue for so many workers, at first or after a group was lost; return when it is this gang's turn."""
        gang = Gang(num_workers, dict(resources_per_worker))
        ray.get(self.registry.enqueue_gang.remote(self.lock, gang))
        timeout = 0.0
        while any(
            map(_has_capacity, ray.get(self.registry.gangs_ahead.remote(self.lock, timeout)))
        ):
            timeout = _POLL_SECONDS

    def dequeue(self) -> None:
        """It has its resources, or has failed."""
        ray.get(self.registry.dequeue_gang.remote(self.lock))


@contextmanager
def queued_gang(lock: str) -> Iterator[QueuedGang]:
    """A gang for the holder of ``lock``; whatever becomes of it, nobody waits for it afterwards."""
    gang = QueuedGang(find_registry(), lock)
    try:
        yield gang
    finally:
        gang.dequeue()


def wait_for_gangs(*, cluster_grows: bool) -> None:
    """Return when no gang is pending that the cluster has capacity for, or may be getting it."""

    def goes_first(gang: Gang) -> bool:
        return _has_capacity(gang) or (cluster_grows and gang.pending_seconds < _GROWTH_SECONDS)

    registry, timeout = find_registry(), 0.0
    while any(map(goes_first, ray.get(registry.pending_gangs.remote(timeout)))):
        timeout = _POLL_SECONDS


def _has_capacity(gang: Gang) -> bool:
    """Whether the nodes, as they stand, could hold it."""
    return capacity_for(gang.resources_per_worker) >= gang.num_workers
