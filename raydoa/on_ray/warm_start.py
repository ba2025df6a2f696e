"""A sweep's trial processes come up once, and then serve one trial after another.

Tune gives the process of a trial that ended to the trial that has waited longest, and throws away the process that was
starting for that one. While trials end faster than processes start, as they do where the store has everything already,
each trial would pay for a start: 376 ms a cell instead of 34 (docs/scale.md). So the first trial of each process does
not end before the processes of the others are there.
"""

import asyncio
import time
from contextlib import suppress
from functools import cache
from typing import Any

import ray
from ray._common.constants import HEAD_NODE_RESOURCE_NAME

_PATIENCE_SECONDS = 15.0


class WarmStart:
    """Counts the processes that have come up. An asyncio actor.

    Args:
        expected: processes. Fewer may come, where some cells are done or memory is short: nobody is waited for once
            no process has come up for ``patience`` seconds.
    """

    def __init__(self, expected: int, patience: float = _PATIENCE_SECONDS) -> None:
        self._missing = expected
        self._patience = patience
        self._all_are_up = asyncio.Event()
        self._last_came = time.monotonic()

    async def arrive(self) -> None:
        """One more is there."""
        self._last_came = time.monotonic()
        self._missing -= 1
        if self._missing <= 0:
            self._all_are_up.set()

    async def wait_for_all(self) -> None:
        """Return when all are up, or no other comes."""
        while (left := self._last_came + self._patience - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_are_up.wait(), left)
                return


def start_warm_start(expected: int) -> Any:
    """The warm_start of a sweep, on the head, where its trials are."""
    remote = ray.remote(
        num_cpus=0, max_concurrency=100_000, resources={HEAD_NODE_RESOURCE_NAME: 0.001}
    )(WarmStart)
    return remote.remote(expected)


@cache
def arrive(warm_start: Any) -> None:
    """Say that this process is there; it does that once."""
    warm_start.arrive.remote()


@cache
def wait_for_all(warm_start: Any) -> None:
    """Wait for the processes that were started with this one; it does that once."""
    ray.get(warm_start.wait_for_all.remote())
