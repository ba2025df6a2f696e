"""Batches at an endpoint that misbehaves: nothing is lost, doubled, or bought again."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from raydoa.account.account import Account
from raydoa.account.state import Refused
from raydoa.errors import Unreachable, UserError
from raydoa.labels.llm_money import NOBODYS, spent_of
from raydoa.llm import batch_file, batches
from raydoa.llm.batch_notes import BatchNotes, DamagedNote
from raydoa.llm.client import Connection
from raydoa.llm.tokens import TokenRates, Usage
from raydoa.store.store import Store
from tests.llm import server
from tests.llm.asking import request, spec
from tests.llm.batch_desk import BatchDesk, Line, Script
from tests.llm.batching import COST, QUESTION, RATES, SIX, TEXTS, World
from tests.llm.server import Endpoint


def test_a_batch_is_asked_waited_for_and_kept(world: World, endpoint: Endpoint, desk: BatchDesk) -> None:  # fmt: skip
    spent = world.run()
    assert world.texts() == TEXTS and {a.key for a in world.told} == set(TEXTS)
    (batch,) = desk.batches.values()
    (asked, _) = desk.files.values()
    lines = [json.loads(line) for line in asked.splitlines()]
    assert [line["custom_id"] for line in lines] == [one.key for one in SIX]
    assert [line["body"] for line in lines] == [one.body for one in SIX]
    assert {(line["method"], line["url"]) for line in lines} == {("POST", "/v1/chat/completions")}
    assert batch.body["completion_window"] == "24h"
    assert len(world.waited) == 3, "validating, in progress, finalizing"
    billed = [Usage(u["prompt_tokens"] - (c := u["prompt_tokens_details"]["cached_tokens"]), c, u["completion_tokens"]) for u in desk.billed]  # fmt: skip
    assert world.state.spent == spent == sum(map(RATES.micro_usd, billed))
    world.balance()
    assert world.run() == 0 and len(desk.batches) == 1


def test_what_is_only_priced_needs_no_account(world: World, desk: BatchDesk) -> None:
    async def ask() -> int:
        async with Connection(world.spec) as connection:
            return await batches.ask_in_batches(SIX, connection, RATES, NOBODYS, world.journal, world.told.append, world._rest)  # fmt: skip

    spent = asyncio.run(ask())
    assert spent == sum(answer.micro_usd for answer in world.told) > 0
    assert world.texts() == TEXTS and world.state.spent == 0


def test_an_endpoint_that_is_busy_is_waited_for(world: World, endpoint: Endpoint, desk: BatchDesk) -> None:  # fmt: skip
    for call in ("POST /files", "GET /batches/{id}", "GET /files/{id}/content"):
        endpoint.faults[call].extend([server.status(429), server.reset, server.raw(b'{"id": ')])
    endpoint.faults["POST /batches"].append(server.status(429, headers={"Retry-After": "77"}))
    busy = Script(states=("validating", "failed"), error=("token_limit_exceeded", "Enqueued"))
    desk.scripts.extend([busy] * 20)
    world.run()
    assert world.texts() == TEXTS and 77.0 in world.waited
    assert len(desk.batches) == 21 and set(endpoint.completed.values()) == {1}
    world.balance()


def _doubled(lines: list[Line]) -> list[Line]:
    wrong = json.loads(json.dumps(lines[0]))
    wrong["response"]["body"]["choices"][0]["message"]["content"] = "another"
    return [lines[3], *lines[::-1], wrong]


def test_results_come_in_any_order_and_twice(world: World, desk: BatchDesk, caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    desk.scripts.append(Script(shape=_doubled))
    world.run()
    assert world.texts() == TEXTS and "2 results that came twice" in caplog.text
    world.balance()


def test_results_that_nobody_asked_for_are_left_out(world: World, desk: BatchDesk, caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    strange = {"custom_id": "f" * 64, "response": {"status_code": 200, "body": {}}}
    desk.scripts.append(Script(shape=lambda lines: [strange, *lines], raw=b'[]\n{"custom_id": 7}\n{"cust'))  # fmt: skip
    world.run()
    assert world.texts() == TEXTS and "1 results that nobody asked for" in caplog.text
    assert "3 results that cannot be read" in caplog.text
    world.balance()


def test_what_a_batch_did_not_come_to_is_asked_again(world: World, endpoint: Endpoint, desk: BatchDesk) -> None:  # fmt: skip
    desk.scripts.append(Script(states=("in_progress", "expired"), ran=4))
    world.run()
    _, second = desk.batches.values()
    assert len(desk.files[second.body["input_file_id"]].splitlines()) == 2
    assert world.texts() == TEXTS and set(endpoint.completed.values()) == {1}
    world.balance()


@pytest.mark.parametrize("counts", [True, False])
def test_an_answer_that_is_missing_is_owed_and_asked_again(
    world: World, endpoint: Endpoint, desk: BatchDesk, counts: bool
) -> None:
    """Its money is what the other answers left of theirs."""
    desk.scripts.append(Script(shape=lambda lines: lines[:-1], counts=counts))
    world.run()
    assert world.texts() == TEXTS and endpoint.completed["text 5"] == 2
    assert [one.micro_usd for one in world.journal.unanswered()] == [COST]
    world.balance()


def test_answers_that_stay_away_do_not_cost_more_than_was_planned(world: World, desk: BatchDesk) -> None:  # fmt: skip
    world.ceiling = 100 * COST
    Account(world.store, "it").set_limit(world.ceiling)
    desk.scripts.extend([Script(shape=lambda lines: [])] * 9)
    with pytest.raises(UserError, match="6 of 6 calls were not made again"):
        world.run()
    assert world.state.spent == 6 * COST and len(desk.batches) == 1
    world.balance()


def test_a_fault_that_stays_is_the_rows(world: World, endpoint: Endpoint, desk: BatchDesk) -> None:
    overloaded = (503, {"message": "overloaded"})
    refused = {"text 0": overloaded, "text 1": (400, {"message": "too long"}),
               "text 2": (400, {"message": "flagged", "code": "content_filter"})}  # fmt: skip
    desk.scripts.extend([Script(refused=refused)] * 9)
    world.run()
    answers = world.journal.answers()
    kinds = [(answers[one.key].state, answers[one.key].reason) for one in SIX[:4]]
    assert kinds == [
        ("failed", "503 overloaded"),
        ("failed", "400 too long"),
        ("filtered", "400 flagged"),
        ("answered", ""),
    ]
    assert len(desk.batches) == world.spec.limits.retries + 1 and len(answers) == 6
    assert {answers[one.key].micro_usd for one in SIX[:3]} == {0}
    world.balance()


def test_what_is_wrong_for_any_row_ends_all_and_the_rest_is_kept(world: World, desk: BatchDesk) -> None:  # fmt: skip
    wrong = {"text 0": (400, {"message": "no", "param": "logprobs"})}
    desk.scripts.append(Script(refused=wrong))
    with pytest.raises(UserError, match="does not take these parameters"):
        world.run()
    assert len(world.texts()) == 5
    world.balance()


def test_a_batch_that_fails_is_told_and_costs_nothing(world: World, desk: BatchDesk) -> None:
    desk.scripts.append(Script(states=("failed",), error=("invalid_json_line", "Line 3")))
    with pytest.raises(UserError, match="failed: invalid_json_line Line 3"):
        world.run()
    world.balance()
    assert world.state.spent == 0
    world.run()
    assert world.texts() == TEXTS


def test_money_that_does_not_suffice_buys_nothing(world: World, desk: BatchDesk) -> None:
    Account(world.store, "it").set_limit(COST)
    with pytest.raises(UserError, match="are left: raise the ceiling"):
        world.run()
    assert desk.batches == {}
    world.balance()


@pytest.mark.parametrize(
    ("fault", "call", "says"),
    [
        (server.status(404), "POST /files", "no batch interface"),
        (server.status(401), "POST /batches", "wants a key"),
        (server.status(400, "bad"), "POST /batches", "400 bad: it does not take the batch"),
    ],
)
def test_an_endpoint_that_refuses_gets_nothing(
    world: World, endpoint: Endpoint, desk: BatchDesk, fault: server.Fault, call: str, says: str
) -> None:
    endpoint.faults[call].append(fault)
    with pytest.raises(UserError, match=says):
        world.run()
    assert desk.batches == {} and world.state.spent == 0
    world.balance()


def test_an_endpoint_that_cannot_be_reached_leaves_the_batch_for_the_next_run(
    world: World, endpoint: Endpoint, desk: BatchDesk
) -> None:
    endpoint.faults["GET /batches/{id}"].extend([server.reset] * 4)
    with pytest.raises(UserError, match="run again"):
        world.run()
    (open,) = world.state.open.values()
    assert open.micro_usd == 6 * COST
    assert Account(world.store, "it").recover(spent_of(world.store)) == [], "it pays for something"
    world.run()
    assert world.texts() == TEXTS and len(desk.batches) == 1
    world.balance()
    with pytest.raises(Unreachable):
        World(world.store, spec("http://127.0.0.1:9/v1")).run([request("more")])


def test_a_batch_that_is_gone_is_told_and_given_up_by_hand(world: World, endpoint: Endpoint, desk: BatchDesk) -> None:  # fmt: skip
    endpoint.faults["GET /batches/{id}"].extend([server.reset] * 4)
    with pytest.raises(UserError):
        world.run()
    desk.batches.clear()
    with pytest.raises(UserError, match=r"batch batch_1.* is gone for good, remove (\S+)") as told:
        world.run()
    note = str(told.value).split("remove ")[1].split(": its")[0]
    Path(note).unlink()
    with pytest.raises(UserError, match="are left: raise the ceiling"):
        world.run()
    assert world.state.spent == 6 * COST


def test_other_requests_do_not_wait_for_it(world: World, endpoint: Endpoint, desk: BatchDesk) -> None:  # fmt: skip
    endpoint.faults["GET /batches/{id}"].extend([server.reset] * 4)
    with pytest.raises(UserError):
        world.run(SIX[:3])
    world.run(SIX[3:])
    assert len(world.texts()) == 3 and len(world.state.open) == 1
    world.run()
    assert world.texts() == TEXTS and len(desk.batches) == 2
    world.balance()


def test_it_costs_what_it_was_bought_for(world: World, endpoint: Endpoint) -> None:
    endpoint.faults["GET /batches/{id}"].extend([server.reset] * 4)
    with pytest.raises(UserError):
        world.run()
    world.run(rates=TokenRates(1, 1, 1))
    assert world.state.spent == sum(RATES.micro_usd(a.usage) for a in world.told)


@pytest.mark.parametrize("limit", ["MOST_CALLS", "MOST_BYTES"])
def test_more_than_a_batch_takes_is_several(
    world: World, desk: BatchDesk, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(batch_file, limit, {"MOST_CALLS": 4, "MOST_BYTES": 1000}[limit])
    world.run()
    sizes = [desk.files[one.body["input_file_id"]] for one in desk.batches.values()]
    assert len(sizes) == 2 and max(map(len, sizes)) <= 1200 and world.texts() == TEXTS
    world.balance()


def test_usage_that_lies_is_told(world: World, desk: BatchDesk, caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    def lies(lines: list[Line]) -> list[Line]:
        del lines[0]["response"]["body"]["usage"]
        lines[1]["response"]["body"]["usage"]["prompt_tokens"] = 10_000
        return lines

    desk.scripts.append(Script(shape=lies))
    world.ceiling = 100 * COST
    Account(world.store, "it").set_limit(world.ceiling)
    world.run()
    answers = world.journal.answers()
    assert answers[SIX[0].key].micro_usd == COST
    assert answers[SIX[1].key].micro_usd > COST and "1 results whose tokens are more" in caplog.text
    world.balance()


def test_a_key_that_comes_back_is_not_kept(
    world: World, desk: BatchDesk, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("THE_KEY", "sk-very-secret-key")
    world.spec = spec(endpoint.base_url, key="THE_KEY")
    echo = {"message": "bad key sk-very-secret-key"}

    def echoes(lines: list[Line]) -> list[Line]:
        lines[-1]["response"]["body"]["choices"][0]["message"]["content"] = "sk-very-secret-key"
        return lines

    desk.scripts.append(Script(refused={"text 0": (400, echo)}, shape=echoes))
    world.run()
    files = [path for path in Path(world.store.url).rglob("*") if path.is_file()]
    assert len(files) > 3 and not any(b"secret" in path.read_bytes() for path in files)
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"{}", b'0123456789abcdef {"schema": 1}\n'],
)
def test_a_damaged_note_is_an_error_that_names_it(world: World, endpoint: Endpoint, content: bytes) -> None:  # fmt: skip
    endpoint.faults["GET /batches/{id}"].extend([server.reset] * 4)
    with pytest.raises(UserError):
        world.run()
    folder = Path(world.store.url) / "batches" / "wlp" / QUESTION
    (asked,) = folder.glob("*.asked")
    asked.write_bytes(content)
    with pytest.raises(DamagedNote, match=r"\.asked: "):
        world.run()
    asked.unlink()
    (folder / "link.asked").symlink_to("/etc/passwd")
    with pytest.raises(DamagedNote, match=r"link\.asked: a symbolic link"):
        list(BatchNotes(world.journal).open())


def test_objects_behind_a_url_do_as_well(endpoint: Endpoint, desk: BatchDesk, tmp_path: Path) -> None:  # fmt: skip
    world = World(Store(f"memory://{tmp_path.name}", cache_dir=tmp_path / "cache"), spec(endpoint.base_url))  # fmt: skip
    endpoint.faults["GET /batches/{id}"].extend([server.reset] * 4)
    with pytest.raises(UserError):
        world.run()
    world.run()
    assert world.texts() == TEXTS and len(desk.batches) == 1
    world.balance()


def test_a_reservation_has_one_name(world: World) -> None:
    account = Account(world.store, "it")
    assert not isinstance(account.reserve(1, "rows", "", "one"), Refused)
    account.end("one", 1)
    account.end("one", 5)
    account.end("never", 5)
    assert account.state().spent == 1 and account.state().open == {}
