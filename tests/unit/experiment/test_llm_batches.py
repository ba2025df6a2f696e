"""A sweep whose LLM is asked through the batch interface, at its own price."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
