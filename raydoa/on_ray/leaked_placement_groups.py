"""Placement groups that outlived their creators are removed, so their CPUs and GPUs are free again.

Ray Train's controller asks for a placement group and, once its workers are up, has a cleaner watch over it. A trial
that is stopped in those seconds takes its controller with it, and the group stays for as long as the driver lives
(seen with Ray 2.60): every later worker group then waits for resources that nobody uses. Ray knows that the creator
is dead, and keeps the group all the same; its public listing does not tell, so the table behind it is read here. That
table misses a controller which, being killed, takes the loss of its workers for a failure and asks for one more group
in its last millisecond; so the table of actors has the last word.
"""

import logging
import time
from typing import Any

import ray
from ray._private.state import state
from ray.core.generated.gcs_pb2 import PlacementGroupTableData
from ray.tune import Callback
from ray.util.placement_group import PlacementGroup, remove_placement_group

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 5.0


class LeakedPlacementGroups(Callback):
    """Removes this driver's orphaned groups while a sweep runs."""

    def __init__(self) -> None:
        self._looked = 0.0

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune calls this several times a second."""
        if time.monotonic() - self._looked >= _EVERY_SECONDS:
            self._looked = time.monotonic()
            remove_leaked_placement_groups()


def remove_leaked_placement_groups() -> None:
    """Remove the placement groups of this job whose creators are dead actors."""
    job = ray.get_runtime_context().get_job_id()
    for raw in state._connect_and_get_accessor().get_placement_group_table():
        group = PlacementGroupTableData.FromString(raw)
        removed = group.state == PlacementGroupTableData.REMOVED
        ours = group.creator_job_id.hex() == job and not group.is_detached
        if ours and not removed and _creator_is_dead(group):
            logger.info("a placement group outlived its creator; its resources are free again")
            remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))


def _creator_is_dead(group: PlacementGroupTableData) -> bool:
    # What the driver asked for has no actor, which Ray counts as a dead one.
    if ray.ActorID(group.creator_actor_id).is_nil():
        return False
    creator = state.actor_table(group.creator_actor_id.hex())
    return bool(group.creator_actor_dead or creator.get("State") == "DEAD")
