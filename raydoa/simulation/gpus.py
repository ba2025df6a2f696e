"""The GPUs of a simulated cluster, handed out as Ray hands them out.

A task or an actor that waits gets the first GPU that is free. A worker group needs all of its GPUs free at one moment:
Ray's placement groups are tried again and again by the head, while a freed GPU goes to whatever waits on its node at
once, so a group begins only when nothing smaller waits (seen on two CPUs with Ray 2.60: a group of both, asked for when
30 tasks waited, began after the last of them). Hence the gang_scheduling of `raydoa.on_ray.gang_scheduling`: while a group
waits, tasks and actors are not yet asked for.
"""

from collections import defaultdict, deque
from fractions import Fraction
from typing import TypeAlias

from raydoa.simulation.clock import Clock, Event

Count: TypeAlias = int | Fraction
"""GPUs, or a part of one; exact, so that shares add up to the whole."""


class GpuPool:
    """``total`` GPUs; who waits for how many; and how long they were held, by what for.

    Attributes:
        held: GPU-seconds by purpose.
    """

    def __init__(self, clock: Clock, total: int, *, gang_scheduling: bool) -> None:
        self.total = total
        self.free: Count = total
        self.held: defaultdict[str, float] = defaultdict(float)
        self._clock = clock
        self._gang_scheduling = gang_scheduling
        self._outside: list[Event] = []
        self._singles: deque[tuple[Count, Event]] = deque()
        self._groups: deque[tuple[Count, Event]] = deque()

    def take(self, count: Count, *, group: bool = False) -> None:
        """Wait for ``count`` GPUs and hold them.

        Raises:
            ValueError: there are not so many.
        """
        if count > self.total:
            raise ValueError(f"{count} GPUs are asked for, and the cluster has {self.total}")
        while self._gang_scheduling and self._groups and not group:
            turn = self._clock.event()
            self._outside.append(turn)
            turn.wait()
        ready = self._clock.event()
        (self._groups if group else self._singles).append((count, ready))
        self._hand_out()
        ready.wait()

    def use(self, count: Count, seconds: float, purpose: str) -> None:
        """Let time pass with ``count`` GPUs in hand."""
        self.held[purpose] += count * seconds
        self._clock.sleep(seconds)

    def give(self, count: Count) -> None:
        """Hand GPUs back."""
        self.free += count
        self._hand_out()

    def _hand_out(self) -> None:
        for queue in (self._singles, self._groups):
            while queue and queue[0][0] <= self.free:
                count, ready = queue.popleft()
                self.free -= count
                ready.set()
            if queue:
                return
        while self._outside:
            self._outside.pop(0).set()
