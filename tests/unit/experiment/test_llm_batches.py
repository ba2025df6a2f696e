"""A sweep whose LLM is asked through the batch interface, at its own price."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from raydoa.account.account import Account
from tests.llm import server
from tests.llm.batch_desk import BatchDesk, Script
from tests.llm.server import Endpoint, serving
from tests.unit.llms import PRICE, llm_yaml, resolved, says
from tests.unit.world import World, measure_all, write_task

PRICES = {**PRICE, "batch_input_usd": 0.075, "batch_output_usd": 0.3}
AT_ONCE = Script(states=("completed",))


@pytest.fixture
def desk() -> BatchDesk:
    return BatchDesk()


@pytest.fixture
def endpoint(desk: BatchDesk) -> Iterator[Endpoint]:
    with serving(Endpoint(answer=says, desk=desk)) as served:
        yield served


def test_a_student_learns_from_batches(tmp_path: Path, endpoint: Endpoint, desk: BatchDesk) -> None:
    """The first run loses the endpoint while it waits, and the next one collects."""
    world = World(tmp_path, write_task(tmp_path / "task"))
    llm = llm_yaml(world, endpoint, batch=True, price=PRICES, limits={"retries": 0})
    desk.scripts.extend([AT_ONCE] * 9)
    endpoint.faults["GET /batches/{id}"].append(server.reset)
    there = resolved(world, llm)
    account = Account(there.context.store, "default")
    with pytest.raises(Exception, match="run again"):
        measure_all(there)
    assert len(account.state().open) == 2, (
        "both shards were asked for before the first was waited for"
    )
    ((_, row),) = measure_all(resolved(world, llm)).items()
    assert row.status == "measured" and row.llm_labels == 40
    assert endpoint.received["POST /batches"] == len(desk.batches)
    assert set(endpoint.completed.values()) == {1}, "nothing was bought twice"
    assert account.state().open == {}
    assert row.cost_llm_labels * 1e6 == pytest.approx(account.state().spent)
    input, output = (sum(u[f"{kind}_tokens"] for u in desk.billed) for kind in ("prompt", "completion"))  # fmt: skip
    assert account.state().spent == pytest.approx(input * 0.075 + output * 0.3, abs=len(desk.billed))  # fmt: skip


def test_all_batches_are_made_before_the_first_is_waited_for(
    tmp_path: Path, endpoint: Endpoint, desk: BatchDesk
) -> None:
    world = World(tmp_path, write_task(tmp_path / "task"))
    llm = llm_yaml(world, endpoint, batch=True, price=PRICES)
    made_by_first_look: list[int] = []

    async def look(
        served: Endpoint, request: web.Request, body: dict[str, Any]
    ) -> web.StreamResponse:
        made_by_first_look.append(len(desk.batches))
        return await server.status(503)(served, request, body)

    desk.scripts.extend([AT_ONCE] * 9)
    endpoint.faults["GET /batches/{id}"].append(look)
    ((_, row),) = measure_all(resolved(world, llm)).items()
    assert row.status == "measured" and made_by_first_look == [2] and len(desk.batches) == 2
    assert set(endpoint.completed.values()) == {1}


def test_what_the_account_cannot_pay_ahead_is_asked_shard_by_shard(
    tmp_path: Path, endpoint: Endpoint, desk: BatchDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """Reserved are the highest costs, of which the first shard leaves enough for the second."""
    world = World(tmp_path, write_task(tmp_path / "task"))
    llm = llm_yaml(world, endpoint, batch=True, price=PRICES)
    there = world.resolved(
        world.sweep(strategies=("llm_annotate",), budgets=(4.0,), n=(16,), u=(40,), llms=(llm,), pilot_rows=0)
    )  # fmt: skip
    highest = 40 * there.study.llms["tester"].rows["tiny", 4].highest_micro_usd
    account = Account(there.context.store, "default")
    account.first_limit(highest * 3 // 4)
    desk.scripts.extend([AT_ONCE] * 9)
    ((_, row),) = measure_all(there).items()
    assert row.status == "measured" and "the rest is asked for shard by shard" in caplog.text
    assert len(desk.batches) == 2 and account.state().spent < highest * 3 // 4
