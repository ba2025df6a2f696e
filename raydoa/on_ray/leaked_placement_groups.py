"""Removes placement groups that outlived their creators, so that their CPUs and GPUs are free again.

Ray Train's controller creates a placement group and, once its workers are up, has a cleaner watch over it. A trial
that is stopped in those seconds takes its controller with it, and the group stays for as long as the driver lives
(seen with Ray 2.60): every later worker group then waits for resources that nobody uses. Ray knows that the creator
is dead, and keeps the group all the same.
"""

import logging
import time
from typing import Any

import ray
from ray.tune import Callback
from ray.util.placement_group import remove_placement_group

from raydoa.on_ray.ray_internals import orphaned_placement_groups

logger = logging.getLogger(__name__)

_INTERVAL_SECONDS = 5.0


class LeakedPlacementGroups(Callback):
    """Removes this driver's orphaned placement groups while Tune runs."""

    def __init__(self) -> None:
        self._last_run = 0.0

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune calls this several times a second."""
        if time.monotonic() - self._last_run >= _INTERVAL_SECONDS:
            self._last_run = time.monotonic()
            remove_leaked_placement_groups()


def remove_leaked_placement_groups() -> None:
    """Remove the placement groups of this job whose creators are dead actors."""
    for group in orphaned_placement_groups(ray.get_runtime_context().get_job_id()):
        logger.info("removing a placement group that outlived its creator")
        remove_placement_group(group)
