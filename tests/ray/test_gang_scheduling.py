"""While a worker group waits for its GPUs, tasks wait outside: the bookkeeping, and with real tasks."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import ray

from raydoa.on_ray import gang_scheduling
from raydoa.on_ray.gang_scheduling import wait_for_turn, waiting_group
from raydoa.on_ray.locks import Claims, Group, Holder, find_locks
from raydoa.pipeline.builder import Outcome

pytestmark = pytest.mark.timeout(600)

BOTH = Group(2, {"CPU": 1, "GPU": 0})
SOON, LONG = 0.01, 300.0
ME = Holder("me", "a job")


def test_a_group_that_waits_is_told_until_it_begins() -> None:
    async def story() -> None:
        claims = Claims()
        await claims.claim(["a", "b"], "work", ME)
        assert await claims.waiting_groups(LONG) == []
        await claims.group_waits("a", BOTH)
        await claims.group_waits("b", BOTH)
        assert await claims.waiting_groups(SOON) == [BOTH, BOTH]
        await claims.group_began("a")
        assert await claims.waiting_groups(SOON) == [BOTH]
        outside = asyncio.create_task(claims.waiting_groups(LONG))
        await asyncio.sleep(0)
        assert not outside.done()
        await claims.group_began("b")
        assert await outside == []

    asyncio.run(story())


def test_groups_stand_in_line() -> None:
    async def story() -> None:
        claims = Claims()
        await claims.claim(["a", "b", "c"], "work", ME)
        for key in "abc":
            await claims.group_waits(key, BOTH)
        assert await claims.groups_ahead("a", LONG) == []
        assert await claims.groups_ahead("c", SOON) == [BOTH, BOTH]
        await claims.group_waits("a", BOTH)  # It looked at the cluster again, and keeps its place.
        assert await claims.groups_ahead("a", LONG) == []
        await claims.group_began("a")
        assert await claims.groups_ahead("b", LONG) == []
        await claims.group_waits("a", BOTH)  # It was lost, and asks anew.
        assert await claims.groups_ahead("a", SOON) == [BOTH, BOTH]
        await claims.release(["b", "c"], ME.name, Outcome(made=True))
        assert await claims.groups_ahead("a", LONG) == []

    asyncio.run(story())


def test_a_claim_that_ends_takes_its_waiting_group_with_it() -> None:
    """A trial that dies or fails never says that its group began."""

    async def story() -> None:
        claims = Claims()
        await claims.claim(["a"], "work", ME)
        await claims.group_waits("a", BOTH)
        await claims.release(["a"], ME.name, Outcome(error="lost"))
        assert await claims.waiting_groups(LONG) == []
        await claims.group_began("a")
        await claims.group_waits("a", BOTH)  # Nobody holds the claim, so nobody would ever end it.
        assert await claims.waiting_groups(LONG) == []

    asyncio.run(story())


@pytest.fixture
def claim(two_cpus: None) -> Iterator[str]:
    """A claim that we hold in the cluster's own `Claims`."""
    claims: Any = find_locks()
    ray.get(claims.claim.remote(["group"], "work", ME))
    yield "group"
    ray.get(claims.release.remote(["group"], ME.name, Outcome(made=True)))


@ray.remote(num_cpus=0)
def _turn(*, cluster_grows: bool = False) -> bool:
    wait_for_turn(cluster_grows=cluster_grows)
    return True


def test_tasks_wait_outside_until_the_group_begins(claim: str) -> None:
    with waiting_group(claim) as group:
        group.asks(2, {"CPU": 1, "GPU": 0})
        turn = _turn.remote()
        assert ray.wait([turn], timeout=3)[0] == []
        group.began()
        assert ray.get(turn)


def test_a_group_without_room_holds_nobody_up(claim: str) -> None:
    with waiting_group(claim) as group:
        group.asks(3, {"CPU": 1, "GPU": 0})
        assert ray.get(_turn.remote())


def test_a_group_whose_nodes_are_on_their_way_does(claim: str) -> None:
    with waiting_group(claim) as group:
        group.asks(3, {"CPU": 1, "GPU": 0})
        turn = _turn.remote(cluster_grows=True)
        assert ray.wait([turn], timeout=3)[0] == []
        group.began()
        assert ray.get(turn)


def test_but_no_other_group(claim: str) -> None:
    """The autoscaler sees both at once."""
    claims: Any = find_locks()
    ray.get(claims.claim.remote(["another"], "work", ME))
    with waiting_group(claim) as first, waiting_group("another") as second:
        first.asks(3, {"CPU": 1, "GPU": 0})
        second.asks(3, {"CPU": 1, "GPU": 0})
        assert len(ray.get(claims.waiting_groups.remote(SOON))) == 2
    ray.get(claims.release.remote(["another"], ME.name, Outcome(made=True)))


def test_but_not_for_ever(claim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine is to be had; smaller work must not wait for it."""
    monkeypatch.setattr(gang_scheduling, "_GROWTH_SECONDS", 0.0)
    with waiting_group(claim) as group:
        group.asks(3, {"CPU": 1, "GPU": 0})
        wait_for_turn(cluster_grows=True)
