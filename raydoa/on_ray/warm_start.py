"""Warm start: a sweep's trial processes start once, and then serve one trial after another.

Tune gives the process of a trial that ended to the trial that has been pending longest, and discards the process that
was starting for that one. While trials end faster than processes start, as they do where every stage is a cache hit,
each trial would pay for a start: 376 ms a cell instead of 34 (docs/scale.md). So the first trial of each process does
not end before the other processes are up.
"""

import asyncio
import time
from contextlib import suppress
from functools import cache
from typing import Any

import ray

from raydoa.on_ray.cluster import on_head

_PATIENCE_SECONDS = 15.0


class WarmStartBarrier:
    """Counts the processes that are up. An asyncio actor.

    Fewer than ``expected`` may come, where some cells are done or memory is short: it opens once none has for ``patience`` s.
    """

    def __init__(self, expected: int, patience: float = _PATIENCE_SECONDS) -> None:
        self._missing = expected
        self._patience = patience
        self._complete = asyncio.Event()
        self._last_arrival = time.monotonic()

    async def arrive(self) -> None:
        """One more process is up."""
        self._last_arrival = time.monotonic()
        self._missing -= 1
        if self._missing <= 0:
            self._complete.set()

    async def wait_for_all(self) -> None:
        """Return when all are up, or no other comes."""
        while (left := self._last_arrival + self._patience - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._complete.wait(), left)
                return


def start_warm_start(expected: int) -> Any:
    """The barrier of a sweep, on the head node, where its trials are."""
    return on_head(WarmStartBarrier).remote(expected)


@cache
def arrive(barrier: Any) -> None:
    """Say, once per process, that this process is up."""
    barrier.arrive.remote()


@cache
def wait_for_all(barrier: Any) -> None:
    """Wait, once per process, for the processes that were started with this one."""
    ray.get(barrier.wait_for_all.remote())
