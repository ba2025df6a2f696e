"""While a gang is pending, tasks are not submitted: the bookkeeping, and with real tasks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from raydoa.on_ray import gang_scheduling
from raydoa.on_ray.build_registry import BuildRegistry, Gang, find_registry
from raydoa.on_ray.gang_scheduling import queued_gang, wait_for_gangs
from raydoa.pipeline.builder import BuildOutcome
from raydoa.store.lock_file import acquire

pytestmark = pytest.mark.timeout(600)

BOTH = Gang(2, {"CPU": 1, "GPU": 0})
SOON, LONG = 0.01, 300.0
ME = "a job"


def test_a_gang_is_pending_until_it_is_dequeued(held: list[str]) -> None:
    a, b, _ = held

    async def scenario() -> None:
        registry = BuildRegistry()
        await registry.begin([a, b], "work", ME)
        assert await registry.pending_gangs(LONG) == []
        await registry.enqueue_gang(a, BOTH)
        await registry.enqueue_gang(b, BOTH)
        assert await registry.pending_gangs(SOON) == [BOTH, BOTH]
        await registry.dequeue_gang(a)
        assert await registry.pending_gangs(SOON) == [BOTH]
        waiter = asyncio.create_task(registry.pending_gangs(LONG))
        await asyncio.sleep(0)
        assert not waiter.done()
        await registry.dequeue_gang(b)
        assert await waiter == []

    asyncio.run(scenario())


def test_gangs_are_queued(held: list[str]) -> None:
    a, b, c = held

    async def scenario() -> None:
        registry = BuildRegistry()
        await registry.begin([a, b, c], "work", ME)
        for key in (a, b, c):
            await registry.enqueue_gang(key, BOTH)
        assert await registry.gangs_ahead(a, LONG) == []
        assert await registry.gangs_ahead(c, SOON) == [BOTH, BOTH]
        await registry.enqueue_gang(a, BOTH)  # It was sized again, and keeps its position.
        assert await registry.gangs_ahead(a, LONG) == []
        await registry.dequeue_gang(a)
        assert await registry.gangs_ahead(b, LONG) == []
        await registry.enqueue_gang(a, BOTH)  # It was lost, and is enqueued anew.
        assert await registry.gangs_ahead(a, SOON) == [BOTH, BOTH]
        await registry.end([b, c], ME, BuildOutcome(made=True))
        assert await registry.gangs_ahead(a, LONG) == []

    asyncio.run(scenario())


def test_the_end_of_a_build_dequeues_its_gang(tmp_path: Path) -> None:
    """A trial that fails never dequeues it."""
    a, lock = str(tmp_path / "a"), acquire(tmp_path, "a")
    assert lock is not None

    async def scenario() -> None:
        registry = BuildRegistry()
        await registry.begin([a], "work", ME)
        await registry.enqueue_gang(a, BOTH)
        await registry.end([a], ME, BuildOutcome(error="lost"))
        assert await registry.pending_gangs(LONG) == []
        await registry.dequeue_gang(a)
        lock.release()
        # The lock is not held, so nothing would ever dequeue it.
        await registry.enqueue_gang(a, BOTH)
        assert await registry.pending_gangs(LONG) == []

    asyncio.run(scenario())


def test_the_death_of_a_trial_dequeues_its_gang(held: list[str], tmp_path: Path) -> None:
    async def scenario() -> None:
        registry = BuildRegistry()
        await registry.begin([held[0], str(tmp_path / "free")], "work", ME)
        await registry.enqueue_gang(str(tmp_path / "free"), BOTH)
        assert await registry.pending_gangs(LONG) == [], "nobody holds that lock"
        assert (await registry.status(ME)).running == {"work": 1}

    asyncio.run(scenario())


@pytest.fixture
def held(tmp_path: Path) -> Iterator[list[str]]:
    """Locks that we hold."""
    paths = [tmp_path / name for name in "abc"]
    locks = [acquire(tmp_path, path.name) for path in paths]
    yield [str(path) for path in paths]
    for lock in filter(None, locks):
        lock.release()


@pytest.fixture
def lock(two_cpus: None, held: list[str]) -> Iterator[str]:
    """Of a build that the cluster's own `BuildRegistry` knows."""
    registry: Any = find_registry()
    ray.get(registry.begin.remote([held[0]], "work", ME))
    yield held[0]
    ray.get(registry.end.remote([held[0]], ME, BuildOutcome(made=True)))


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


def test_but_no_other_gang(lock: str, held: list[str]) -> None:
    """The autoscaler sees both at once."""
    registry: Any = find_registry()
    another = held[1]
    ray.get(registry.begin.remote([another], "work", ME))
    with queued_gang(lock) as first, queued_gang(another) as second:
        first.enqueue(3, {"CPU": 1, "GPU": 0})
        second.enqueue(3, {"CPU": 1, "GPU": 0})
        assert len(ray.get(registry.pending_gangs.remote(SOON))) == 2
    ray.get(registry.end.remote([another], ME, BuildOutcome(made=True)))


def test_but_not_for_ever(lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine is to be had; smaller work must not wait for it."""
    monkeypatch.setattr(gang_scheduling, "_GROWTH_SECONDS", 0.0)
    with queued_gang(lock) as gang:
        gang.enqueue(3, {"CPU": 1, "GPU": 0})
        wait_for_gangs(cluster_grows=True)
