"""A simulated clock for code that blocks.

Trials are written as code that waits (`Builder.build` returns when its artifact is there), so each simulated process is a
thread, and a baton goes round: one thread runs at any moment, and simulated time passes only when every process waits.
A process that begins to wait hands the baton to the next, or keeps it where it is next itself: switching threads is most
of what a simulation takes. What happens at one moment happens in the order in which it was asked for, so a simulation
comes out the same each time.
"""

import threading
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from queue import SimpleQueue

_STACK_BYTES = 2**19


class Stuck(RuntimeError):
    """Processes wait for each other, and nothing will ever happen again."""


class _Ended(BaseException):
    """Unwinds a process whose simulation is over."""


class _Process:
    def __init__(self) -> None:
        self.baton: SimpleQueue[None] = SimpleQueue()


class Event:
    """Something that processes wait for; `Clock.event` makes it."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._waiting: deque[_Process] = deque()
        self.happened = False

    def wait(self) -> None:
        """Return once it has happened."""
        if not self.happened:
            self._waiting.append(self._clock.running)
            self._clock.park()

    def set(self) -> None:
        """It happens now; those who wait go on, in the order in which they came."""
        self.happened = True
        while self._waiting:
            self._clock.wake(self._waiting.popleft(), 0.0)


class Clock:
    """Simulated time in seconds, from 0."""

    def __init__(self) -> None:
        self.now = 0.0
        self.running = _Process()
        self._agenda: list[tuple[float, int, _Process]] = []
        self._order = count()
        self._back: SimpleQueue[None] = SimpleQueue()
        self._alive: set[_Process] = set()
        self._failure: BaseException | None = None
        self._ending = False

    def event(self) -> Event:
        """Something that has not happened yet."""
        return Event(self)

    def start(self, body: Callable[[], None]) -> None:
        """A process that runs ``body`` from now on."""
        process = _Process()
        self._alive.add(process)
        before = threading.stack_size(_STACK_BYTES)
        thread = threading.Thread(target=self._run, args=(process, body), daemon=True)
        thread.start()
        threading.stack_size(before)
        self.wake(process, 0.0)

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass for the process that calls."""
        assert seconds >= 0, f"{seconds} seconds"
        self.wake(self.running, seconds)
        self.park()

    def run(self) -> float:
        """Run until every process has ended; returns the time.

        Raises:
            Stuck: some wait for what nobody will do.
            Exception: what a process raised.
        """
        try:
            self._pass_on()
            self._back.get()
            if self._failure is not None:
                raise self._failure
            if self._alive:
                raise Stuck(f"{len(self._alive)} processes wait for each other at {self.now:g} s")
            return self.now
        finally:
            self._ending = True
            for process in list(self._alive):
                process.baton.put(None)
                self._back.get()

    def park(self) -> None:
        """The process that calls waits until somebody wakes it."""
        process = self.running
        self._pass_on()
        process.baton.get()
        if self._ending:
            raise _Ended

    def _pass_on(self) -> None:
        """The baton goes to the process whose turn it is; back to `run` where there is none, or all is over."""
        if self._agenda and self._failure is None and not self._ending:
            self.now, _, self.running = heappop(self._agenda)
            self.running.baton.put(None)
        else:
            self._back.put(None)

    def wake(self, process: _Process, seconds: float) -> None:
        """Let a process that waits go on in some seconds."""
        heappush(self._agenda, (self.now + seconds, next(self._order), process))

    def _run(self, process: _Process, body: Callable[[], None]) -> None:
        process.baton.get()
        try:
            if not self._ending:
                body()
        except _Ended:
            pass
        except BaseException as failure:  # noqa: BLE001 (it is raised where the simulation was started)
            self._failure = failure
        finally:
            self._alive.discard(process)
            self._pass_on()
