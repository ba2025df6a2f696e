"""Asking an endpoint that misbehaves: no row is lost or doubled, and the money is right to a micro-dollar."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from raydoa.errors import Unreachable, UserError
from raydoa.llm.tokens import Usage
from tests.llm import server
from tests.llm.asking import COST, HIGHEST, RATES, Asker, request, spec
from tests.llm.books import MemoryAnswers
from tests.llm.server import Endpoint, Fault, serving


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(Endpoint()) as serves:
        yield serves


def test_each_row_is_asked_once_and_answered_in_order(endpoint: Endpoint) -> None:
    asker = Asker(spec(endpoint.base_url))
    requests = [request(f"text {i}") for i in range(200)]
    asked = asker.ask(requests)
    assert [answer.key for answer in asked.answers] == [sent.key for sent in requests]
    assert [answer.text for answer in asked.answers] == [f"label of text {i}" for i in range(200)]
    assert {answer.state for answer in asked.answers} == {"answered"}
    assert asked.unasked == ()
    assert set(endpoint.received.values()) == {1} and len(endpoint.received) == 200
    assert endpoint.most_in_flight <= 64
    asker.balance()
    first = asked.answers[0]
    # The prompt's 7 characters are 1 token here; 15 of the answer are 3.
    assert first.usage == Usage(input=1, cached=0, output=3)
    assert first.micro_usd == RATES.micro_usd(first.usage)


def test_a_journal_behind_a_network_is_written_in_threads(endpoint: Endpoint) -> None:
    endpoint.faults["*"].extend([server.status(429)] * 20)
    asker = Asker(spec(endpoint.base_url), answers=MemoryAnswers(waits=True))
    asked = asker.ask([request(f"text {i}") for i in range(100)])
    assert len(asked.answers) == 100
    asker.balance()


@pytest.mark.parametrize("waits", [False, True])
def test_what_was_told_of_a_call_that_was_not_made_is_taken_back(endpoint: Endpoint, waits: bool) -> None:  # fmt: skip
    """It was asked and refused, and rests when all ends: nothing is owed for it, and it may be asked again."""
    endpoint.faults["rests"].append(server.status(429))
    endpoint.faults["bad"].append(server.status(401))
    endpoint.delay = 0.1
    asker = Asker(spec(endpoint.base_url, in_flight=2), answers=MemoryAnswers(waits=waits))

    async def rest(seconds: float) -> None:
        await asyncio.sleep(3600)

    asker.rest = rest
    with pytest.raises(UserError):
        asker.ask([request("rests"), request("fine"), request("bad")])
    asker.balance()
    states = {answer.row_id: answer.state for answer in asker.answers.kept}
    assert states == {"row rests": "failed", "row fine": "answered", "row bad": "failed"}
    assert asker.answers.owed == {}


def test_one_key_is_asked_once(endpoint: Endpoint) -> None:
    asker = Asker(spec(endpoint.base_url))
    asked = asker.ask([request("same"), request("other"), request("same")])
    assert [answer.text for answer in asked.answers] == ["label of same", "label of other"]
    assert endpoint.received == {"same": 1, "other": 1}


def test_nothing_to_ask() -> None:
    asker = Asker(spec("http://127.0.0.1:9/v1"))
    assert asker.ask([]).answers == ()


def test_the_likeliest_tokens_are_those_of_the_first_with_content(endpoint: Endpoint) -> None:
    asked = Asker(spec(endpoint.base_url)).ask([request("x", logprobs=True, top_logprobs=2)])
    assert asked.answers[0].top == (("l", -0.1), ("?", -3.0))


REFUSED = [
    server.status(429, headers={"Retry-After": "0"}),
    server.status(429),
    server.status(408),
    server.status(409),
    server.status(500),
    server.status(503, headers={"Retry-After": "0.01"}),
    server.status(529, "overloaded"),
    server.raw(b"\xff<oops", 500),
]
"""Faults that pass and cost nothing."""
LOST: list[Fault] = [
    server.reset,
    server.truncated,
    server.broken_off,
    server.raw(b""),
    server.raw(b"[" * 100_000),
    server.raw(b'{"error": {"message": "upstream", "code": 502}}'),
    server.raw(b'{"choices": []}'),
    server.raw(b"null"),
    server.raw(b"gone", headers={"Content-Encoding": "gzip"}),
    server.status(502),
    server.status(504),
]
"""Faults that pass, after which the call may be billed."""


@pytest.mark.parametrize("fault", REFUSED)
def test_a_call_that_was_refused_is_asked_again_and_costs_nothing(endpoint: Endpoint, fault: Fault) -> None:  # fmt: skip
    endpoint.faults["a"].extend([fault, fault])
    asker = Asker(spec(endpoint.base_url))
    (answer, other) = asker.ask([request("a"), request("b")]).answers
    assert (answer.state, answer.text) == ("answered", "label of a")
    assert endpoint.received == {"a": 3, "b": 1}
    assert answer.micro_usd == other.micro_usd
    assert asker.answers.times_asked.total() == 2
    asker.balance()


@pytest.mark.parametrize("fault", LOST)
def test_a_call_that_broke_is_asked_again_and_costs_what_it_may_cost(endpoint: Endpoint, fault: Fault) -> None:  # fmt: skip
    endpoint.faults["a"].extend([fault, fault])
    asker = Asker(spec(endpoint.base_url))
    (answer, other) = asker.ask([request("a"), request("b")]).answers
    assert (answer.state, answer.text) == ("answered", "label of a")
    assert answer.micro_usd == other.micro_usd + 2 * COST
    assert answer.usage == other.usage + HIGHEST + HIGHEST
    assert asker.answers.times_asked[answer.key] == 3
    asker.balance()


@pytest.mark.parametrize("fault", [server.drips, server.hangs])
def test_an_answer_that_takes_too_long_is_lost(endpoint: Endpoint, fault: Fault) -> None:
    endpoint.faults["a"].append(fault)
    asker = Asker(spec(endpoint.base_url, timeout_seconds=0.3, retries=0))
    (answer,) = asker.ask([request("a")]).answers
    assert (answer.state, answer.micro_usd) == ("failed", COST)
    assert "0.3 s" in answer.reason
    asker.balance()


def test_a_row_whose_fault_stays_is_failed_with_its_reason_and_the_others_go_on(
    endpoint: Endpoint,
) -> None:
    endpoint.faults["a"].extend([server.status(500, "the model\nis broken")] * 4)
    endpoint.faults["b"].extend([server.reset] * 4)
    endpoint.faults["c"].append(server.status(400, "context length exceeded", code="context_length_exceeded", param="messages"))  # fmt: skip
    endpoint.faults["d"].append(server.status(413, "too large"))
    endpoint.faults["e"].append(server.status(400, "x", code="content_filter"))
    asker = Asker(spec(endpoint.base_url))
    found = asker.ask([request(name) for name in "abcdef"]).answers
    assert [answer.state for answer in found] == ["failed"] * 4 + ["filtered", "answered"]
    assert [answer.micro_usd for answer in found[:5]] == [0, 4 * COST, 0, 0, 0]
    assert found[0].reason == "500 the model is broken"
    assert found[1].reason.startswith("the connection broke (")
    assert found[2].reason == "400 context length exceeded"
    assert endpoint.received == {"a": 4, "b": 4, "c": 1, "d": 1, "e": 1, "f": 1}
    asker.balance()


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (server.other(finish="length"), "cut_off"),
        (server.other(finish="content_filter", text=""), "filtered"),
        (server.other(finish="eos_token"), "answered"),
        (server.other(text="no class at all"), "answered"),
    ],
)
def test_how_an_answer_ended(endpoint: Endpoint, fault: Fault, state: str) -> None:
    endpoint.faults["a"].append(fault)
    asker = Asker(spec(endpoint.base_url))
    (answer,) = asker.ask([request("a")]).answers
    assert answer.state == state
    assert bool(answer.reason) == (state != "answered")
    assert 0 < answer.micro_usd < COST
    asker.balance()


USAGES_THAT_CANNOT_BE = [
    None,
    {},
    "many",
    {"prompt_tokens": -5, "completion_tokens": 2},
    {"prompt_tokens": 5},
    {"prompt_tokens": 5.5, "completion_tokens": 2},
    {"prompt_tokens": True, "completion_tokens": 2},
    {"prompt_tokens": 10**30, "completion_tokens": 2},
    {"prompt_tokens": 5, "completion_tokens": 0},
    {"prompt_tokens": 0, "completion_tokens": 5},
    {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 6}},
]


@pytest.mark.parametrize("usage", USAGES_THAT_CANNOT_BE)
def test_a_count_that_cannot_be_costs_what_was_reserved(endpoint: Endpoint, usage: object) -> None:
    endpoint.faults["a"].append(server.other(usage=usage))
    asker = Asker(spec(endpoint.base_url))
    (answer,) = asker.ask([request("a")]).answers
    assert (answer.state, answer.usage, answer.micro_usd) == ("answered", HIGHEST, COST)
    asker.balance()


def test_a_count_above_the_reservation_is_recorded_said_once_and_capped_in_the_purse(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.faults["*"].extend([server.other(usage={"prompt_tokens": 900, "completion_tokens": 70})] * 2)  # fmt: skip
    asker = Asker(spec(endpoint.base_url))
    with caplog.at_level(logging.WARNING, "raydoa"):
        found = asker.ask([request("a"), request("b")]).answers
    assert {answer.usage for answer in found} == {Usage(input=900, output=70)}
    assert {answer.micro_usd for answer in found} == {177}
    assert asker.purse.spent == 2 * COST
    assert len(caplog.records) == 1
    assert "900 tokens of input and 70 of output" in caplog.text


def test_thinking_that_only_the_total_has_is_output(endpoint: Endpoint) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 20}
    endpoint.faults["a"].append(server.other(usage=usage))
    (answer,) = Asker(spec(endpoint.base_url)).ask([request("a")]).answers
    assert answer.usage == Usage(input=10, output=10)


ENDS = [
    (server.status(401, "bad"), "export one that it takes"),
    (server.status(403, "forbidden"), "TESTER_KEY"),
    (server.status(402, "pay"), "credit"),
    (server.status(404, "no model m"), "see whether model and base_url are right"),
    (server.status(429, "x", code="insufficient_quota"), "credit"),
    (server.status(429, "tomorrow", headers={"Retry-After": "86400"}), "1,440 minutes"),
    (server.status(400, "Unsupported parameter: 'max_tokens'", param="max_tokens"), "parameters"),
    (server.status(400, "Unrecognized request argument supplied: grammar"), "parameters"),
    (server.status(422, "extra_forbidden"), "parameters"),
    (server.raw(b"", 302, {"Location": "http://127.0.0.1:9/"}), "elsewhere"),
    (server.raw(b"<!doctype html><title>Welcome</title>"), "/v1"),
]


@pytest.mark.parametrize(("fault", "advice"), ENDS)
def test_what_is_wrong_for_any_row_ends_all_with_one_line(
    endpoint: Endpoint, fault: Fault, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTER_KEY", "sk-a-key-of-a-tester")
    endpoint.faults["*"].extend([fault] * 1000)
    asker = Asker(spec(endpoint.base_url, key="TESTER_KEY", in_flight=8))
    with pytest.raises(UserError) as error:
        asker.ask([request(f"text {i}") for i in range(500)])
    line = str(error.value)
    assert advice in line and "LLM tester (model m at http://127.0.0.1:" in line
    assert "\n" not in line
    assert endpoint.received.total() <= 8
    assert asker.answers.given == [] and asker.answers.owed_micro_usd == 0
    asker.balance()


def test_answers_under_way_are_kept_when_all_ends(endpoint: Endpoint) -> None:
    endpoint.delay = 0.3
    endpoint.faults["bad"].append(server.status(401))

    async def slow(*_: object) -> object:
        await asyncio.sleep(0.3)
        return await server.other()(*_)  # type: ignore[arg-type]

    for name in ("a", "b"):
        endpoint.faults[name].append(slow)  # type: ignore[arg-type]
    asker = Asker(spec(endpoint.base_url, in_flight=3))
    with pytest.raises(UserError):
        asker.ask([request(name) for name in ("a", "b", "bad", "never")])
    assert sorted(answer.text for answer in asker.answers.given) == ["label of a", "label of b"]
    assert "never" not in endpoint.received
    asker.balance()


def test_an_endpoint_that_refuses_every_row_ends_all(endpoint: Endpoint) -> None:
    endpoint.faults["*"].extend([server.status(400, "I do not like it")] * 1000)
    asker = Asker(spec(endpoint.base_url, in_flight=4))
    with pytest.raises(UserError, match="refused 18 rows and answered none"):
        asker.ask([request(f"text {i}") for i in range(500)])
    assert endpoint.received.total() <= 18 + 4
    asker.balance()


def test_an_endpoint_that_cannot_be_reached_ends_all() -> None:
    asker = Asker(spec("http://127.0.0.1:9/v1", retries=2, in_flight=4))
    with pytest.raises(Unreachable, match=r"at http://127.0.0.1:9/v1\): no connection"):
        asker.ask([request(f"text {i}") for i in range(100)])
    assert asker.answers.owed_micro_usd == asker.purse.spent == 0
    asker.balance()


def test_retries_wait_as_asked_or_longer_and_longer(endpoint: Endpoint) -> None:
    endpoint.faults["a"].extend([server.status(429, headers={"Retry-After": "7"}), server.status(429, headers={"retry-after-ms": "1500"})])  # fmt: skip
    asker = Asker(spec(endpoint.base_url, retries=9))
    asker.ask([request("a")])
    assert 7 <= asker.waits[0] <= 8
    assert 1.5 <= asker.waits[1] <= 2
    endpoint.faults["b"].extend([server.status(500)] * 9)
    asker.waits.clear()
    asker.ask([request("b")])
    assert all(wait <= 2**n for n, wait in enumerate(asker.waits))
    assert max(asker.waits) <= 60


@pytest.mark.parametrize("calls", [0, 1, 7])
def test_a_call_that_cannot_be_reserved_is_not_made(endpoint: Endpoint, calls: int) -> None:
    """Without a count each costs what was reserved, so exactly so many fit."""
    endpoint.faults["*"].extend([server.other(usage=None)] * 100)
    asker = Asker(spec(endpoint.base_url), money=calls * COST + COST - 1)
    asked = asker.ask([request(f"text {i}") for i in range(50)])
    assert len(asked.answers) == calls == endpoint.received.total()
    assert len(asked.unasked) == 50 - calls
    asker.balance()


def test_a_purse_that_is_almost_empty_is_used_as_far_as_it_goes(endpoint: Endpoint) -> None:
    """One at a time fits, and what each leaves is enough for the next: waiting, not refusing."""
    asker = Asker(spec(endpoint.base_url))
    requests = [request(f"text {i}") for i in range(30)]
    bill = RATES.micro_usd(Usage(input=1, output=4))
    asker = Asker(spec(endpoint.base_url), money=COST + 29 * bill)
    asked = asker.ask(requests)
    assert len(asked.answers) == 30
    asker.balance()


def test_a_call_that_broke_is_not_asked_again_without_money(endpoint: Endpoint) -> None:
    endpoint.faults["a"].append(server.reset)
    asker = Asker(spec(endpoint.base_url), money=COST)
    (answer,) = asker.ask([request("a")]).answers
    assert (answer.state, answer.micro_usd) == ("failed", COST)
    assert endpoint.received == {"a": 1}
    asker.balance()


def test_a_cancelled_call_stays_owed(endpoint: Endpoint) -> None:
    endpoint.faults["*"].extend([server.hangs] * 10)
    asker = Asker(spec(endpoint.base_url, in_flight=4))

    async def cancelled() -> None:
        task = asyncio.create_task(asker.asking([request(f"text {i}") for i in range(9)]))
        while endpoint.received.total() < 4:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(cancelled())
    assert asker.purse.spent == asker.answers.owed_micro_usd == 4 * COST
    assert endpoint.received.total() == 4
    asker.balance()


def test_a_full_disk_ends_all_and_what_was_sent_stays_owed(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = Asker(spec(endpoint.base_url, in_flight=4))

    def full(answer: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(asker.answers, "keep", full)
    with pytest.raises(OSError, match="No space"):
        asker.ask([request(f"text {i}") for i in range(50)])
    sent = endpoint.received.total()
    assert sent <= 8
    assert asker.purse.spent == asker.answers.owed_micro_usd == sent * COST
    asker.balance()
