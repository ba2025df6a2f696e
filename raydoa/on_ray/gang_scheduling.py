"""Worker groups get their GPUs: while one waits, nothing smaller is asked for.

Ray gives a freed GPU to whatever waits on its node, and a worker group needs all of its GPUs free at one moment, so
with more tasks waiting than there are GPUs a group would begin last of all (docs/scale.md). Whoever is about to ask Ray
for tasks or actors therefore waits here for as long as a group does. What runs goes on, and ends, and makes room.
Groups themselves stand in line: only the first is asked of Ray, so that many of them cost no more than one.

A group that the cluster has no room for, as when nodes were lost, holds nobody up. Where the cluster grows, its nodes
may be on their way, and it holds tasks and labelling up for as long as that takes: what Ray was asked for before they
came would have them first. It holds no other group up: the autoscaler should see all of them at once.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray

from raydoa.on_ray.cluster import room_for
from raydoa.on_ray.locks import Group, find_locks

_PATIENCE_SECONDS = 15.0
_GROWTH_SECONDS = 900.0
"""Until a machine of a cloud has booted and installed everything; after that none is to be had."""


@dataclass(frozen=True)
class WaitingGroup:
    """A worker group of one maker; it travels to its workers, of whom the first says that it is there."""

    claims: Any
    claim: str

    def asks(self, workers: int, each: Mapping[str, int]) -> None:
        """Stand in line for so many workers, at first or after a group was lost; return when it is its turn."""
        ray.get(self.claims.group_waits.remote(self.claim, Group(workers, dict(each))))
        patience = 0.0
        while any(map(_has_room, ray.get(self.claims.groups_ahead.remote(self.claim, patience)))):
            patience = _PATIENCE_SECONDS

    def began(self) -> None:
        """It has its GPUs, or has failed."""
        ray.get(self.claims.group_began.remote(self.claim))


@contextmanager
def waiting_group(claim: str) -> Iterator[WaitingGroup]:
    """A group for what is claimed as ``claim``; whatever becomes of it, nobody waits for it afterwards."""
    group = WaitingGroup(find_locks(), claim)
    try:
        yield group
    finally:
        group.began()


def wait_for_turn(*, cluster_grows: bool) -> None:
    """Return when no worker group waits that the cluster has room for, or may be getting it."""

    def is_served(group: Group) -> bool:
        return _has_room(group) or (cluster_grows and group.waited_seconds < _GROWTH_SECONDS)

    claims, patience = find_locks(), 0.0
    while any(map(is_served, ray.get(claims.waiting_groups.remote(patience)))):
        patience = _PATIENCE_SECONDS


def _has_room(group: Group) -> bool:
    """Whether the nodes, as they stand, could hold it."""
    return room_for(group.each) >= group.workers
