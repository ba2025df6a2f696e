"""A run ends with the cluster that it runs on, or at a second signal: within seconds, in one line, with nothing left.

Ray's own ways last long and say much: a driver without its raylet waits for 14 s and one without its control store
(GCS) for 60, then Ray's C++ ends the whole process, and its workers live on for a while. So a thread looks at the
processes without which nothing goes on. When one is gone it says so, ends the rest of a cluster that is ours, and makes the
main thread raise: `ClusterDied`, which whoever called `raydoa.run` may catch. The main thread is mostly inside Ray's C++, which
looks for signals while it waits for results, though not while it waits for a GCS that is gone. What is raised there is
no `Exception`, since Tune would answer one by asking the dead cluster to end its trials. If the main thread has not come
out after some seconds, or the run is in another one, which nobody can interrupt, the thread ends the process, as Ray would
have later, and without a line.
"""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from raydoa.errors import ClusterDied, StoppedAtOnce
from raydoa.on_ray.cluster_processes import Part

_LOOK_SECONDS = 0.5
_GRACE_SECONDS = 10.0
"""For the main thread to come out of Ray, and for Ray to shut down."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Ended(KeyboardInterrupt):
    """Raised in the main thread: the run is over. Out of what it waits in, Ray lets through a KeyboardInterrupt alone."""


class ClusterWatch:
    """Watches ``parts`` and signals while a run is going on.

    The first SIGINT or SIGTERM is Tune's, if Tune runs, which then returns with what it has; a second one of either
    kind, or one while Tune does not run, ends the run at once.

    Args:
        kept: what is safe, and where, for the line that a run ends with.
        end_cluster: ends what is left of the cluster; returns quickly, and may be called from any thread.
    """

    def __init__(self, kept: str, end_cluster: Callable[[], None]) -> None:
        self._kept = kept
        self._end_cluster = end_cluster
        self._ending: ClusterDied | StoppedAtOnce | None = None
        self._over = threading.Event()
        self._stopped = False
        self._outputs: dict[int, int] = {}
        self._in_main = threading.current_thread() is threading.main_thread()

    @contextmanager
    def until_the_end(self) -> Iterator[None]:
        """Everything in here, the shutdown too, ends with `ClusterDied` or `StoppedAtOnce` if the run was ended."""
        try:
            yield
        except BaseException:
            # What a handler raises Ray's C++ turns into a KeyboardInterrupt; and the dead cluster may have been met first.
            if self._ending is None:
                raise
        finally:
            self._over.set()
            self._unmute()
        if self._ending is not None:
            raise self._ending

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Handle signals in here; handlers that others set meanwhile, as Ray and Tune do, are replaced at the end."""
        if not self._in_main:
            yield
            return
        # None is a handler that is not Python's, and cannot be set again.
        before = {number: signal.getsignal(number) or signal.SIG_DFL for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, parts: list[Part]) -> None:
        """Watch from now on; Ray is up."""
        if self._in_main:
            for number in _SIGNALS:
                signal.signal(number, self._on_signal)
        threading.Thread(
            target=self._watch, args=[parts], name="cluster-watch", daemon=True
        ).start()

    def stop(self) -> None:
        """Watch no longer: what dies from now on dies in order."""
        self._stopped = True

    @property
    def has_lost_its_cluster(self) -> bool:
        """Whether the run has ended by that."""
        return isinstance(self._ending, ClusterDied)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._ending is not None:
            raise _Ended
        tunes: Any = signal.getsignal(signal.SIGINT)
        if callable(tunes) and tunes != self._on_signal:
            tunes(signal.SIGINT, frame)  # It puts ours back.
            return
        self._end(StoppedAtOnce(f"stopped at once; {self._kept}"))
        raise _Ended

    def _end(self, ending: ClusterDied | StoppedAtOnce) -> None:
        self._ending = ending
        # Now: a dead cluster takes this process with it, when Ray's C++ comes to notice.
        sys.stderr.write(f"raydoa: {ending}\n")
        sys.stderr.flush()
        self._mute()

    def _mute(self) -> None:
        """Nothing more is said until the end: Ray's C++ would tell at length, on both outputs, what that line says."""
        with suppress(OSError):  # Nobody may be reading any more.
            sys.stdout.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            self._outputs[number] = os.dup(number)
            os.dup2(nowhere, number)
        os.close(nowhere)

    def _unmute(self) -> None:
        for number, output in self._outputs.items():
            os.dup2(output, number)
            os.close(output)
        self._outputs.clear()

    def _watch(self, parts: list[Part]) -> None:
        look = _looks(parts)
        while self._ending is None and not self._over.is_set():
            if self._stopped:
                self._over.wait(_LOOK_SECONDS)
                continue
            look(_LOOK_SECONDS)
            dead = [part.name for part in parts if not part.is_alive()]
            if dead and self._ending is None and not self._stopped:
                self._end(ClusterDied(f"{' and '.join(dead)} died; {self._kept}"))
                if self._in_main:
                    # Before anything else dies: Tune would see it, and ask the dead cluster to clean up.
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        for part in parts:
            if part.descriptor is not None:
                os.close(part.descriptor)
        if self._ending is not None and not self._over.wait(_GRACE_SECONDS):
            self._exit(self._ending)

    def _exit(self, ending: ClusterDied | StoppedAtOnce) -> None:
        self._end_cluster()
        os._exit(1 if isinstance(ending, ClusterDied) else 130)


def _looks(parts: list[Part]) -> Callable[[float], object]:
    """Waits some seconds, or until a part has ended: a raylet that has lost an agent takes this process along in tenths."""
    poll = select.poll()
    for part in parts:
        if part.descriptor is not None:
            poll.register(part.descriptor, select.POLLIN)
    return lambda seconds: poll.poll(seconds * 1000)
