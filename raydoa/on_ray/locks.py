"""Build locks for a cluster: each key of the store is built by one trial at a time.

`LockManager` is one small actor per cluster, so sweeps that run side by side share what they build. A trial acquires
the locks of the keys that it wants to build; a key that is locked is waited for. A lock is held by an actor (a trial)
and ends when that actor releases it or dies: the manager keeps a call queued on every holder, which Ray fails the
moment the holder is dead, so there are no leases to renew and no timeouts that a busy machine could miss.

A stage that failed for good (or thrice) is not granted to the same job again: the job's other cells get the error at
once, where each of them would have paid to find out. The next run of the command is another job.

Deadlock is impossible: `acquire` never blocks, and who waits holds no lock on anything unbuilt. A lock says nothing
about whether the artifact exists, which the store knows: look there once more after a lock is granted.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayError

from raydoa import __version__
from raydoa.on_ray.cluster import on_head
from raydoa.on_ray.ray_internals import ping
from raydoa.pipeline.builder import BuildOutcome
from raydoa.store.store import Store

_ACTOR = f"raydoa-locks-{__version__}"
_NAMESPACE = "raydoa"
_POLL_SECONDS = 0.5
_MAX_FAILURES = 3


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: an actor (a trial) of a job, or a driver, which has no ``actor`` whose death could be noticed."""

    name: str
    job: str
    actor: Any = None


@dataclass(frozen=True)
class Gang:
    """Workers that can only start together, what each of them needs, and how long they have been pending."""

    num_workers: int
    resources_per_worker: dict[str, int]
    pending_seconds: float = field(default=0.0, compare=False)


@dataclass
class _Lock:
    holder: str
    job: str
    label: str
    acquired: float
    gang: Gang | None = None
    gang_since: float = 0.0
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Status:
    """What a job is building, by label, and what was built on the cluster since a count.

    ``made`` has label, key and build seconds of each artifact; ``count`` is how many there are by now.
    """

    running: dict[str, int]
    made: list[tuple[str, str, float]]
    count: int


class LockManager:
    """Who builds what. An asyncio actor: every method runs between awaits of the others."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}
        self._made: list[tuple[str, str, float]] = []
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._failures: Counter[tuple[str, str]] = Counter()
        self._given_up: dict[tuple[str, str], BuildOutcome] = {}
        self._no_pending_gang = asyncio.Event()
        self._no_pending_gang.set()

    async def acquire(self, keys: Sequence[str], label: str, holder: Holder) -> list[str]:
        """Lock those of ``keys`` that are free and have not failed for good; returns the locked ones, without waiting.

        Args:
            keys: names of locks.
            label: what is built, for people ("fine_tune nano-l").
            holder: who builds it.
        """
        granted = [
            key
            for key in keys
            if key not in self._locks and (holder.job, key) not in self._given_up
        ]
        for key in granted:
            self._locks[key] = _Lock(holder.name, holder.job, label, time.monotonic())
        if granted and holder.actor is not None and holder.name not in self._watchers:
            watch = self._release_on_death(holder.name, holder.actor)
            self._watchers[holder.name] = asyncio.create_task(watch)
        return granted

    async def release(self, keys: Sequence[str], holder: str, outcome: BuildOutcome) -> None:
        """Release the locks of ``holder`` on ``keys``; one of those who wait for a key acquires it next.

        A final error is the same whoever tries, so all who wait get it. Any other may be due to a lost machine or a
        stopped trial, so they get it only once it has recurred.
        """
        # A holder that was taken for dead may have lost its locks to another.
        held = [key for key in keys if key in self._locks and self._locks[key].holder == holder]
        for key in held:
            lock = self._locks[key]
            if outcome.made:
                # Keys that are built together share the time it took.
                seconds = (time.monotonic() - lock.acquired) / len(keys)
                self._made.append((lock.label, key, seconds))
            if outcome.error is not None:
                self._failures[lock.job, key] += 1
                if outcome.final or self._failures[lock.job, key] >= _MAX_FAILURES:
                    self._given_up[lock.job, key] = outcome
        self._unlock(held)

    def _unlock(self, keys: Sequence[str]) -> None:
        for key in keys:
            lock = self._locks.pop(key, None)
            if lock is not None:
                lock.released.set()
        self._wake_if_no_gang()

    async def wait(self, key: str, job: str) -> BuildOutcome | None:
        """Return when ``key`` is not locked: how it failed if ``job`` has given it up, else the store is worth a look."""
        lock = self._locks.get(key)
        if lock is not None:
            await lock.released.wait()
        return self._given_up.get((job, key))

    async def enqueue_gang(self, key: str, gang: Gang) -> None:
        """The holder of ``key`` needs a gang; ignored if ``key`` is not locked, since nothing would dequeue it."""
        if key in self._locks:
            lock = self._locks[key]
            if lock.gang is None:
                lock.gang_since = time.monotonic()
            lock.gang = gang
            self._no_pending_gang.clear()

    async def gangs_ahead(self, key: str, timeout: float) -> list[Gang]:
        """Gangs enqueued before that of ``key``: none as soon as it is first, else those left after ``timeout``."""
        deadline = time.monotonic() + timeout
        while (ahead := self._ahead(key)) and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        return ahead

    def _ahead(self, key: str) -> list[Gang]:
        lock = self._locks.get(key)
        return self._pending(before=lock.gang_since) if lock is not None and lock.gang else []

    async def dequeue_gang(self, key: str) -> None:
        """The gang of ``key`` has its resources, or is not needed any more."""
        if key in self._locks:
            self._locks[key].gang = None
        self._wake_if_no_gang()

    async def pending_gangs(self, timeout: float) -> list[Gang]:
        """Return when no gang is pending, or after ``timeout`` seconds those that are."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._no_pending_gang.wait(), timeout)
        return self._pending()

    def _pending(self, before: float = math.inf) -> list[Gang]:
        now = time.monotonic()
        return [
            replace(lock.gang, pending_seconds=now - lock.gang_since)
            for lock in self._locks.values()
            if lock.gang is not None and lock.gang_since < before
        ]

    def _wake_if_no_gang(self) -> None:
        if not any(lock.gang for lock in self._locks.values()):
            self._no_pending_gang.set()

    async def status(self, job: str, since: int | None = None) -> Status:
        """What ``job`` is building, and what was built since a count; nothing of the past without one."""
        running = Counter(lock.label for lock in self._locks.values() if lock.job == job)
        made = self._made[since:] if since is not None else []
        return Status(dict(running), made, len(self._made))

    async def _release_on_death(self, holder: str, actor: Any) -> None:
        try:
            while any(lock.holder == holder for lock in self._locks.values()):
                with suppress(ActorUnavailableError):  # A network may fail for a moment.
                    await ping(actor)
                await asyncio.sleep(_POLL_SECONDS)
        except RayError:
            self._unlock([key for key, lock in self._locks.items() if lock.holder == holder])
        finally:
            del self._watchers[holder]


def start_locks() -> Any:
    """The cluster's `LockManager`, started on its head if need be; it outlives the drivers that share it."""
    return (
        on_head(LockManager)
        .options(name=_ACTOR, namespace=_NAMESPACE, lifetime="detached", get_if_exists=True)
        .remote()
    )


def find_locks() -> Any:
    """The `LockManager` of this cluster, from inside a trial. Raises `ValueError`: no sweep has run on this cluster."""
    return ray.get_actor(_ACTOR, namespace=_NAMESPACE)


def lock_name(store: Store, key: str) -> str:
    """What is locked: a key in a store."""
    return f"{store.url} {key}"
