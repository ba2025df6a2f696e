"""While a gang is pending, tasks are not submitted: the bookkeeping, and with real tasks."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import ray

from raydoa.on_ray import gang_scheduling
from raydoa.on_ray.gang_scheduling import queued_gang, wait_for_gangs
from raydoa.on_ray.locks import Gang, Holder, LockManager, find_locks
from raydoa.pipeline.builder import BuildOutcome

pytestmark = pytest.mark.timeout(600)

BOTH = Gang(2, {"CPU": 1, "GPU": 0})
SOON, LONG = 0.01, 300.0
ME = Holder("me", "a job")


def test_a_gang_is_pending_until_it_is_dequeued() -> None:
    async def scenario() -> None:
        manager = LockManager()
        await manager.acquire(["a", "b"], "work", ME)
        assert await manager.pending_gangs(LONG) == []
        await manager.enqueue_gang("a", BOTH)
        await manager.enqueue_gang("b", BOTH)
        assert await manager.pending_gangs(SOON) == [BOTH, BOTH]
        await manager.dequeue_gang("a")
        assert await manager.pending_gangs(SOON) == [BOTH]
        waiter = asyncio.create_task(manager.pending_gangs(LONG))
        await asyncio.sleep(0)
        assert not waiter.done()
        await manager.dequeue_gang("b")
        assert await waiter == []

    asyncio.run(scenario())


def test_gangs_are_queued() -> None:
    async def scenario() -> None:
        manager = LockManager()
        await manager.acquire(["a", "b", "c"], "work", ME)
        for key in "abc":
            await manager.enqueue_gang(key, BOTH)
        assert await manager.gangs_ahead("a", LONG) == []
        assert await manager.gangs_ahead("c", SOON) == [BOTH, BOTH]
        await manager.enqueue_gang("a", BOTH)  # It was sized again, and keeps its position.
        assert await manager.gangs_ahead("a", LONG) == []
        await manager.dequeue_gang("a")
        assert await manager.gangs_ahead("b", LONG) == []
        await manager.enqueue_gang("a", BOTH)  # It was lost, and is enqueued anew.
        assert await manager.gangs_ahead("a", SOON) == [BOTH, BOTH]
        await manager.release(["b", "c"], ME.name, BuildOutcome(made=True))
        assert await manager.gangs_ahead("a", LONG) == []

    asyncio.run(scenario())


def test_releasing_a_lock_dequeues_its_gang() -> None:
    """A trial that dies or fails never dequeues it."""

    async def scenario() -> None:
        manager = LockManager()
        await manager.acquire(["a"], "work", ME)
        await manager.enqueue_gang("a", BOTH)
        await manager.release(["a"], ME.name, BuildOutcome(error="lost"))
        assert await manager.pending_gangs(LONG) == []
        await manager.dequeue_gang("a")
        # The lock is not held, so nothing would ever dequeue it.
        await manager.enqueue_gang("a", BOTH)
        assert await manager.pending_gangs(LONG) == []

    asyncio.run(scenario())


@pytest.fixture
def lock(two_cpus: None) -> Iterator[str]:
    """A lock that we hold in the cluster's own `LockManager`."""
    manager: Any = find_locks()
    ray.get(manager.acquire.remote(["gang"], "work", ME))
    yield "gang"
    ray.get(manager.release.remote(["gang"], ME.name, BuildOutcome(made=True)))


@ray.remote(num_cpus=0)
def _submit(*, cluster_grows: bool = False) -> bool:
    wait_for_gangs(cluster_grows=cluster_grows)
    return True


def test_tasks_wait_until_the_gang_is_dequeued(lock: str) -> None:
    with queued_gang(lock) as gang:
        gang.enqueue(2, {"CPU": 1, "GPU": 0})
        submitted = _submit.remote()
        assert ray.wait([submitted], timeout=3)[0] == []
        gang.dequeue()
        assert ray.get(submitted)


def test_a_gang_without_capacity_delays_nobody(lock: str) -> None:
    with queued_gang(lock) as gang:
        gang.enqueue(3, {"CPU": 1, "GPU": 0})
        assert ray.get(_submit.remote())


def test_a_gang_whose_nodes_are_starting_delays_tasks(lock: str) -> None:
    with queued_gang(lock) as gang:
        gang.enqueue(3, {"CPU": 1, "GPU": 0})
        submitted = _submit.remote(cluster_grows=True)
        assert ray.wait([submitted], timeout=3)[0] == []
        gang.dequeue()
        assert ray.get(submitted)


def test_but_no_other_gang(lock: str) -> None:
    """The autoscaler sees both at once."""
    manager: Any = find_locks()
    ray.get(manager.acquire.remote(["another"], "work", ME))
    with queued_gang(lock) as first, queued_gang("another") as second:
        first.enqueue(3, {"CPU": 1, "GPU": 0})
        second.enqueue(3, {"CPU": 1, "GPU": 0})
        assert len(ray.get(manager.pending_gangs.remote(SOON))) == 2
    ray.get(manager.release.remote(["another"], ME.name, BuildOutcome(made=True)))


def test_but_not_for_ever(lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine is to be had; smaller work must not wait for it."""
    monkeypatch.setattr(gang_scheduling, "_GROWTH_SECONDS", 0.0)
    with queued_gang(lock) as gang:
        gang.enqueue(3, {"CPU": 1, "GPU": 0})
        wait_for_gangs(cluster_grows=True)
