"""One maker per key over the cluster.

`Claims` is one small actor per cluster, so sweeps that run side by side share what they make. Whoever wants to make
an artifact claims its key; if somebody else is making it, they wait for that maker instead. A claim belongs to an
actor (a trial), and ends when that actor releases it or dies: `Claims` keeps a call queued on every holder, which Ray
fails the moment the holder is gone, so there are no leases to renew and no time-outs that a busy machine could miss.

A stage that failed for good (or thrice) is not granted to the same job again: its other cells are told the error at
once, where they would each have paid for finding out. The next run of the command is another job.

Nobody waits while holding an unworked claim (`claim` never blocks, `wait` takes no claim), so trials that
want overlapping sets of keys cannot wait for each other in a circle. A claim says nothing about whether the
artifact exists: the store does. After `claim` grants a key, look into the store once more.
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
from ray._common.constants import HEAD_NODE_RESOURCE_NAME
from ray.exceptions import ActorUnavailableError, RayError

from raydoa import __version__
from raydoa.pipeline.builder import Outcome
from raydoa.store.store import Store

LOCKS_ACTOR = f"raydoa-claims-{__version__}"
_NAMESPACE = "raydoa"
_WATCH_SECONDS = 0.5
_MOST_FAILURES = 3


@dataclass(frozen=True)
class Holder:
    """Who makes something: an actor (a trial), and the job that it belongs to.

    ``handle`` holds the actor's handle, by which its death is noticed; it is empty for a driver.
    """

    name: str
    job: str
    handle: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Group:
    """Workers that can only begin together, and what each of them needs; told of with how long they have waited."""

    workers: int
    each: dict[str, int]
    waited_seconds: float = field(default=0.0, compare=False)


@dataclass
class _Lock:
    holder: str
    job: str
    label: str
    started: float
    waiting: Group | None = None
    waiting_since: float = 0.0
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Status:
    """What is going on in a job: artifacts being made, by label, and what was made in the cluster since a count.

    ``made`` has label, key and the seconds of its making for each artifact; ``count`` is how many there are by now.
    """

    running: dict[str, int]
    made: list[tuple[str, str, float]]
    count: int


@dataclass(frozen=True)
class LockEnd:
    """How a claim ended: ``error`` if this job has given the key up, else None, and the store is worth a look."""

    error: str | None = None


class Claims:
    """Who is making what. An asyncio actor: every method runs between awaits of the others."""

    def __init__(self) -> None:
        self._flights: dict[str, _Lock] = {}
        self._made: list[tuple[str, str, float]] = []
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._failures: Counter[tuple[str, str]] = Counter()
        self._given_up: dict[tuple[str, str], str] = {}
        self._no_group_waits = asyncio.Event()
        self._no_group_waits.set()

    async def claim(self, keys: Sequence[str], label: str, holder: Holder) -> list[str]:
        """Grant those of ``keys`` that nobody is making, and that have not failed for good; return the granted ones.

        Args:
            keys: store keys.
            label: what is being made, for people ("fine_tune nano-l").
            holder: who makes it.
        """
        granted = [
            key
            for key in keys
            if key not in self._flights and (holder.job, key) not in self._given_up
        ]
        for key in granted:
            self._flights[key] = _Lock(holder.name, holder.job, label, time.monotonic())
        if granted and holder.handle and holder.name not in self._watchers:
            watch = self._watch(holder.name, holder.handle[0])
            self._watchers[holder.name] = asyncio.create_task(watch)
        return granted

    async def release(self, keys: Sequence[str], holder: str, outcome: Outcome) -> None:
        """End the claims of ``holder`` on ``keys``; those who wait for them go on, and one of them makes it.

        A final error is the same whoever tries, and told to them. Any other may be of a machine that was lost or of a
        trial that was stopped, so it is told only when it comes again and again.
        """
        # Those of a holder that was taken for dead may be another's by now.
        ours = [key for key in keys if key in self._flights and self._flights[key].holder == holder]
        for key in ours:
            flight = self._flights[key]
            if outcome.made:
                # Keys that are made together share the time it took.
                seconds = (time.monotonic() - flight.started) / len(keys)
                self._made.append((flight.label, key, seconds))
            if outcome.error is not None:
                self._failures[flight.job, key] += 1
                if outcome.final or self._failures[flight.job, key] >= _MOST_FAILURES:
                    self._given_up[flight.job, key] = outcome.error
        self._end(ours)

    def _end(self, keys: Sequence[str]) -> None:
        for key in keys:
            flight = self._flights.pop(key, None)
            if flight is not None:
                flight.done.set()
        self._look_for_groups()

    async def wait(self, key: str, job: str) -> LockEnd:
        """Return when nobody is making ``key`` any more, or at once if it has failed for good."""
        flight = self._flights.get(key)
        if flight is None:
            return LockEnd(self._given_up.get((job, key)))
        await flight.done.wait()
        return LockEnd(self._given_up.get((job, key)))

    async def group_waits(self, key: str, group: Group) -> None:
        """The maker of ``key`` asks Ray for a worker group; without a claim on ``key`` nobody waits for it."""
        if key in self._flights:
            flight = self._flights[key]
            if flight.waiting is None:
                flight.waiting_since = time.monotonic()
            flight.waiting = group
            self._no_group_waits.clear()

    async def groups_ahead(self, key: str, patience: float) -> list[Group]:
        """Groups that have waited longer than that of ``key``: none as soon as it is first, else after ``patience``."""
        deadline = time.monotonic() + patience
        while (ahead := self._ahead(key)) and time.monotonic() < deadline:
            await asyncio.sleep(_WATCH_SECONDS)
        return ahead

    def _ahead(self, key: str) -> list[Group]:
        ours = self._flights.get(key)
        if ours is None or ours.waiting is None:
            return []
        return self._waiting(before=ours.waiting_since)

    async def group_began(self, key: str) -> None:
        """The group of ``key`` has its GPUs (or is given up, if its claim ends)."""
        if key in self._flights:
            self._flights[key].waiting = None
        self._look_for_groups()

    async def waiting_groups(self, patience: float) -> list[Group]:
        """Return when no group waits any more, or after ``patience`` seconds those that do."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._no_group_waits.wait(), patience)
        return self._waiting()

    def _waiting(self, before: float = math.inf) -> list[Group]:
        now = time.monotonic()
        return [
            replace(flight.waiting, waited_seconds=now - flight.waiting_since)
            for flight in self._flights.values()
            if flight.waiting is not None and flight.waiting_since < before
        ]

    def _look_for_groups(self) -> None:
        if not any(flight.waiting for flight in self._flights.values()):
            self._no_group_waits.set()

    async def status(self, job: str, since: int | None = None) -> Status:
        """What ``job`` is making now, and what was made since a count; nothing of the past without one."""
        running = Counter(flight.label for flight in self._flights.values() if flight.job == job)
        made = self._made[since:] if since is not None else []
        return Status(dict(running), made, len(self._made))

    async def _watch(self, holder: str, handle: Any) -> None:
        try:
            while any(flight.holder == holder for flight in self._flights.values()):
                with suppress(ActorUnavailableError):  # A network may fail for a moment.
                    await handle.__ray_ready__.remote()
                await asyncio.sleep(_WATCH_SECONDS)
        except RayError:
            held = [key for key, flight in self._flights.items() if flight.holder == holder]
            self._end(held)
        finally:
            del self._watchers[holder]


def start_locks() -> Any:
    """Start the cluster's `Claims` on its head, or find it there; it outlives the drivers that share it."""
    remote = ray.remote(
        num_cpus=0, max_concurrency=100_000, resources={HEAD_NODE_RESOURCE_NAME: 0.001}
    )(Claims)
    return remote.options(
        name=LOCKS_ACTOR, namespace=_NAMESPACE, lifetime="detached", get_if_exists=True
    ).remote()


def find_locks() -> Any:
    """The `Claims` of this cluster, from inside a trial.

    Raises:
        ValueError: no sweep has run on this cluster.
    """
    return ray.get_actor(LOCKS_ACTOR, namespace=_NAMESPACE)


def claimed(store: Store, key: str) -> str:
    """What is claimed: a key in a store."""
    return f"{store.url} {key}"
