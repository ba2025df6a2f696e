"""What a cluster is building: for progress, for the queue of gangs, and so that what fails for good is not tried by all.
And what its processes warn of, until their driver asks.

`BuildRegistry` is one small actor per cluster, shared by the sweeps that run side by side. It holds no locks, those are
files (`raydoa.pipeline.file_locks`), so when it dies Ray starts it anew and nothing is lost but what it had to tell: a
holder of a lock that is gone, however it ended, is forgotten at the next look.

A stage that failed for good (or thrice) is not granted to the same job again: the job's other cells get the error at
once, where each of them would have paid to find out. The next run of the command is another job.
"""

import asyncio
import math
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray

from raydoa import __version__
from raydoa.on_ray.cluster import on_head
from raydoa.pipeline.builder import BuildOutcome
from raydoa.store.lock_file import is_held

_ACTOR = f"raydoa-builds-{__version__}"
_NAMESPACE = "raydoa"
_POLL_SECONDS = 0.5
_MAX_FAILURES = 3


@dataclass(frozen=True)
class Gang:
    """Workers that can only start together, what each of them needs, and how long they have been pending."""

    num_workers: int
    resources_per_worker: dict[str, int]
    pending_seconds: float = field(default=0.0, compare=False)


@dataclass
class _Build:
    job: str
    label: str
    began: float
    gang: Gang | None = None
    gang_since: float = 0.0


@dataclass
class Status:
    """What a job is building, by label, and what was built on the cluster since a count.

    ``made`` has label, lock and build seconds of each artifact; ``count`` is how many there are by now.
    """

    running: dict[str, int]
    made: list[tuple[str, str, float]]
    count: int


class BuildRegistry:
    """Who builds what, by lock file. An asyncio actor: every method runs between awaits of the others."""

    def __init__(self) -> None:
        self._builds: dict[str, _Build] = {}
        self._made: list[tuple[str, str, float]] = []
        self._failures: Counter[tuple[str, str]] = Counter()
        self._given_up: dict[tuple[str, str], BuildOutcome] = {}
        self._warnings: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._no_pending_gang = asyncio.Event()
        self._no_pending_gang.set()

    async def begin(self, locks: Sequence[str], label: str, job: str) -> list[str]:
        """A holder of ``locks`` is about to build; returns those that ``job`` has given up, which it should release.

        Args:
            locks: paths of lock files.
            label: what is built, for people ("fine_tune nano-l").
            job: the holder's.
        """
        refused = [lock for lock in locks if (job, lock) in self._given_up]
        for lock in set(locks) - set(refused):
            self._builds[lock] = _Build(job, label, time.monotonic())
        return refused

    async def end(self, locks: Sequence[str], job: str, outcome: BuildOutcome) -> None:
        """A holder has built what ``locks`` are for, or failed; it is told before the locks are released.

        A final error is the same whoever tries, so all who wait get it. Any other may be due to a lost machine or a
        stopped trial, so they get it only once it has recurred.
        """
        for lock in locks:
            build = self._builds.pop(lock, None)
            if outcome.made and build is not None:
                # Keys that are built together share the time it took.
                seconds = (time.monotonic() - build.began) / len(locks)
                self._made.append((build.label, lock, seconds))
            if outcome.error is not None:
                self._failures[job, lock] += 1
                if outcome.final or self._failures[job, lock] >= _MAX_FAILURES:
                    self._given_up[job, lock] = outcome
        self._wake_if_no_gang()

    async def given_up(self, lock: str, job: str) -> BuildOutcome | None:
        """How the build of what ``lock`` is for failed, if ``job`` has given it up."""
        return self._given_up.get((job, lock))

    async def enqueue_gang(self, lock: str, gang: Gang) -> None:
        """The holder of ``lock`` needs a gang; ignored if nobody holds it, since nothing would dequeue it."""
        if lock not in self._builds and is_held(Path(lock)):
            # Begun before this registry was started again.
            self._builds[lock] = _Build("", "", time.monotonic())
        if lock in self._builds:
            build = self._builds[lock]
            if build.gang is None:
                build.gang_since = time.monotonic()
            build.gang = gang
            self._no_pending_gang.clear()

    async def gangs_ahead(self, lock: str, timeout: float) -> list[Gang]:
        """Gangs enqueued before that of ``lock``: none as soon as it is first, else those left after ``timeout``."""
        deadline = time.monotonic() + timeout
        while (ahead := self._ahead(lock)) and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        return ahead

    def _ahead(self, lock: str) -> list[Gang]:
        build = self._builds.get(lock)
        return self._pending(before=build.gang_since) if build is not None and build.gang else []

    async def dequeue_gang(self, lock: str) -> None:
        """The gang of ``lock`` has its resources, or is not needed any more."""
        if lock in self._builds:
            self._builds[lock].gang = None
        self._wake_if_no_gang()

    async def pending_gangs(self, timeout: float) -> list[Gang]:
        """Return when no gang is pending, or after ``timeout`` seconds those that are."""
        deadline = time.monotonic() + timeout
        while (pending := self._pending()) and (left := deadline - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._no_pending_gang.wait(), min(left, _POLL_SECONDS))
        return pending

    def _pending(self, before: float = math.inf) -> list[Gang]:
        self._forget_the_dead()
        now = time.monotonic()
        return [
            replace(build.gang, pending_seconds=now - build.gang_since)
            for build in self._builds.values()
            if build.gang is not None and build.gang_since < before
        ]

    async def status(self, job: str, since: int | None = None) -> Status:
        """What ``job`` is building, and what was built since a count; nothing of the past without one."""
        self._forget_the_dead()
        running = Counter(build.label for build in self._builds.values() if build.job == job)
        if since is not None and since > len(self._made):
            since = 0  # The count of a registry that has died.
        made = self._made[since:] if since is not None else []
        return Status(dict(running), made, len(self._made))

    async def warn(self, job: str, logger: str, text: str) -> None:
        """A process of ``job`` warns of something, by a logger of this name."""
        self._warnings[job].append((logger, text))

    async def warnings(self, job: str) -> list[tuple[str, str]]:
        """What processes of ``job`` have warned of since this was last asked: the logger's name, and the text."""
        return self._warnings.pop(job, [])

    def _forget_the_dead(self) -> None:
        """Builds whose lock is free had a holder that died."""
        for lock in [lock for lock in self._builds if not is_held(Path(lock))]:
            del self._builds[lock]
        self._wake_if_no_gang()

    def _wake_if_no_gang(self) -> None:
        if not any(build.gang for build in self._builds.values()):
            self._no_pending_gang.set()


def start_registry() -> Any:
    """The cluster's `BuildRegistry`, started on its head if need be; it outlives the drivers that share it."""
    options = {"lifetime": "detached", "max_restarts": -1, "max_task_retries": -1}
    return (
        on_head(BuildRegistry)
        .options(name=_ACTOR, namespace=_NAMESPACE, get_if_exists=True, **options)
        .remote()
    )


def find_registry() -> Any:
    """The `BuildRegistry` of this cluster, from inside a trial. Raises `ValueError`: no sweep has run on this cluster."""
    return ray.get_actor(_ACTOR, namespace=_NAMESPACE)
