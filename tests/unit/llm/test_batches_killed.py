"""Batches that processes buy which die, or do not hear what became of them, and those of two at one moment."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from raydoa.account.account import Account
from raydoa.errors import UserError
from raydoa.labels.llm_money import spent_of
from raydoa.store.store import Store
from tests.llm import server
from tests.llm.asking import spec
from tests.llm.batch_desk import BatchDesk, Script
from tests.llm.batching import COST, QUESTION, SIX, TEXTS, Killed, Steps, World
from tests.llm.server import Endpoint


@pytest.mark.parametrize("done", [False, True])
def test_a_process_that_dies_at_any_step_buys_nothing_twice(
    tmp_path: Path, endpoint: Endpoint, desk: BatchDesk, steps: Steps, done: bool
) -> None:
    last = 0
    for end in range(1, 1000):
        endpoint.completed.clear(), desk.batches.clear(), desk.files.clear()
        steps.end = 10**9
        world = World(Store(str(tmp_path / str(end)), cache_dir=tmp_path / "cache"), spec(endpoint.base_url))  # fmt: skip
        steps.end, steps.done, steps.taken = end, done, 0
        try:
            world.run()
        except Killed:
            last = end
        spent_then = world.state.committed
        world.run()
        assert world.texts() == TEXTS, f"killed at step {end}"
        assert set(endpoint.completed.values()) == {1}, f"killed at step {end}"
        assert len(desk.batches) == 1 and spent_then <= world.ceiling
        world.balance()
        if last < end:
            break
    assert last >= 14, (
        "upload, note, reserve, make, note; four looks, fetch; keep, settle, forget twice"
    )


@pytest.mark.parametrize("seed", range(12))
def test_processes_that_die_again_and_again(
    world: World, endpoint: Endpoint, desk: BatchDesk, steps: Steps, seed: int
) -> None:
    rng = random.Random(seed)
    desk.lists_metadata, desk.page = rng.random() < 0.5, rng.choice([1, 100])
    desk.scripts.extend([
        Script(states=("in_progress", "expired"), ran=2, shape=lambda lines: lines[::-1]),
        Script(states=("cancelling", "cancelled"), ran=1),
    ])  # fmt: skip
    endpoint.faults["POST /batches"].extend(rng.choices([_lost, server.status(429)], k=2))
    while True:
        steps.taken, steps.end, steps.done = 0, rng.randint(1, 25), rng.random() < 0.5
        try:
            world.run()
            break
        except Killed:
            assert world.state.committed <= world.ceiling
    assert world.texts() == TEXTS
    assert endpoint.completed.total() == 6 and set(endpoint.completed.values()) == {1}
    world.balance()


async def _lost(endpoint: Endpoint, incoming: web.Request, body: dict[str, Any]) -> web.StreamResponse:  # fmt: skip
    """The batch is made, and the response gets lost."""
    assert isinstance(endpoint.desk, BatchDesk)
    await endpoint.desk.create(incoming)
    return await server.reset(endpoint, incoming, body)


async def _garbled(endpoint: Endpoint, incoming: web.Request, body: dict[str, Any]) -> web.StreamResponse:  # fmt: skip
    """The batch is made, and the response is not what it should be."""
    assert isinstance(endpoint.desk, BatchDesk)
    await endpoint.desk.create(incoming)
    return await server.raw(b'{"id": "../../../v1/models"}')(endpoint, incoming, body)


@pytest.mark.parametrize("fault", [_lost, _garbled])
@pytest.mark.parametrize("metadata", [True, False])
def test_a_batch_whose_making_was_not_heard_of_is_found(
    world: World, endpoint: Endpoint, desk: BatchDesk, fault: server.Fault, metadata: bool
) -> None:
    desk.lists_metadata, desk.page = metadata, 2
    other = World(world.store, world.spec).journal
    assert other.answers() == {}
    for name in ("a", "b", "c"):
        desk.files[name] = b""
    endpoint.faults["POST /batches"].append(fault)
    world.run()
    assert world.texts() == TEXTS and len(desk.batches) == 1
    world.balance()


@pytest.mark.parametrize("fault", [server.reset, server.status(500), server.status(504)])
def test_a_batch_that_was_not_made_is_made_when_that_is_certain(
    world: World, endpoint: Endpoint, desk: BatchDesk, fault: server.Fault
) -> None:
    endpoint.faults["POST /batches"].append(fault)
    world.run()
    assert world.texts() == TEXTS and len(desk.batches) == 1
    assert world.clock - 1_000_000 > 300
    world.balance()


def test_a_reservation_that_was_released_by_hand_stays_owed(world: World, endpoint: Endpoint) -> None:  # fmt: skip
    endpoint.faults["GET /batches/{id}"].extend([server.reset] * 4)
    with pytest.raises(UserError):
        world.run()
    (id,) = world.state.open
    _, owed = Account(world.store, "it").release(id, spent_of(world.store))
    world.run()
    assert world.texts() == TEXTS and world.state.spent == owed == 6 * COST


@pytest.mark.parametrize("step", [0, 1, 2])
def test_what_a_process_left_behind_that_died_at_its_end_goes_with_the_next(
    world: World, desk: BatchDesk, steps: Steps, step: int
) -> None:
    desk.scripts.extend([Script(states=("completed",))] * 2)
    steps.taken = 0
    world.run(SIX[:1])
    folder = f"batches/wlp/{QUESTION}"
    steps.end, steps.taken = steps.taken - step, 0
    with pytest.raises(Killed):
        world.run(SIX[1:2])
    assert world.store.place.listing(folder).keys() - {f"{folder}/."}
    world.run(SIX[2:])
    assert world.store.place.listing(folder).keys() <= {f"{folder}/."}
    assert len(world.texts()) == 6 and len(desk.batches) == 3
    world.balance()


def test_two_who_wait_for_one_batch_settle_it_once(world: World, endpoint: Endpoint, desk: BatchDesk) -> None:  # fmt: skip
    """The second comes while the first waits, and is done before it."""
    second = World(world.store, world.spec)
    resting = world._rest

    async def rest(seconds: float) -> None:
        await resting(seconds)
        if len(world.waited) == 1:
            await asyncio.to_thread(second.run)

    world._rest = rest  # type: ignore[method-assign]
    assert world.run() == world.state.spent
    assert world.texts() == TEXTS and len(desk.batches) == 1
    world.balance()


def test_what_two_bought_at_one_moment_is_settled_for_both(
    world: World, endpoint: Endpoint, desk: BatchDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither could know of the other: its note came while the first was uploading."""
    world.ceiling = 12 * COST
    Account(world.store, "it").set_limit(world.ceiling)
    second = World(world.store, world.spec)

    async def meanwhile(
        endpoint: Endpoint, incoming: web.Request, body: dict[str, object]
    ) -> web.StreamResponse:
        endpoint.faults["GET /batches/{id}"].extend([server.reset] * 4)
        with pytest.raises(UserError):
            await asyncio.to_thread(second.run)
        return await desk._upload(endpoint, incoming)

    endpoint.faults["POST /files"].append(meanwhile)
    world.run()
    assert world.texts() == TEXTS and len(desk.batches) == 2
    assert "6 requests were answered more than once" in caplog.text
    world.balance()
