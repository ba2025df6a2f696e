"""A sweep whose LLM is asked through the batch interface, at its own price."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

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
    assert len(account.state().open) == 1
    ((_, row),) = measure_all(resolved(world, llm)).items()
    assert row.status == "measured" and row.llm_labels == 40
    assert endpoint.received["POST /batches"] == len(desk.batches)
    assert set(endpoint.completed.values()) == {1}, "nothing was bought twice"
    assert account.state().open == {}
    assert row.cost_llm_labels * 1e6 == pytest.approx(account.state().spent)
    input, output = (sum(u[f"{kind}_tokens"] for u in desk.billed) for kind in ("prompt", "completion"))  # fmt: skip
    assert account.state().spent == pytest.approx(input * 0.075 + output * 0.3, abs=len(desk.billed))  # fmt: skip


@dataclass
class Watched(BatchDesk):
    """Remembers how many batches were made each time that one is looked at."""

    made: list[int] = field(default_factory=list)

    async def _look(self, endpoint: Endpoint, request: web.Request) -> web.Response:
        self.made.append(len(self.batches))
        return await super()._look(endpoint, request)


def test_after_the_first_all_batches_are_made_before_the_next_is_waited_for(tmp_path: Path) -> None:
    world, desk = World(tmp_path, write_task(tmp_path / "task")), Watched()
    desk.scripts.extend([AT_ONCE] * 9)
    with serving(Endpoint(answer=says, desk=desk)) as endpoint:
        llm = llm_yaml(world, endpoint, batch=True, price=PRICES)
        ((_, row),) = measure_all(resolved(world, llm, u=(60,))).items()
        assert row.status == "measured" and desk.made == [1, 3, 3]
        assert set(endpoint.completed.values()) == {1}


def test_what_the_account_cannot_pay_ahead_is_asked_shard_by_shard(
    tmp_path: Path, endpoint: Endpoint, desk: BatchDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """Reserved are the highest costs, of which each shard leaves enough for the next."""
    world = World(tmp_path, write_task(tmp_path / "task"))
    llm = llm_yaml(world, endpoint, batch=True, price=PRICES)
    there = world.resolved(
        world.sweep(strategies=("llm_annotate",), budgets=(4.0,), n=(16,), u=(60,), llms=(llm,), pilot_rows=0)
    )  # fmt: skip
    highest = 60 * there.study.llms["tester"].rows["tiny", 4].highest_micro_usd
    account = Account(there.context.store, "default")
    account.first_limit(highest * 2 // 3)
    desk.scripts.extend([AT_ONCE] * 9)
    ((_, row),) = measure_all(there).items()
    assert row.status == "measured" and "the rest is asked for shard by shard" in caplog.text
    assert len(desk.batches) == 3 and account.state().spent < highest * 2 // 3
