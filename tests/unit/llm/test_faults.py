"""Many faults at a time, 64 calls in flight: the table of what came of the rows, and the books."""

import random
from collections import Counter

import pytest

from raydoa.llm.gate import EndpointGate, OwnLeases
from raydoa.llm.limiter import Limiter
from tests.llm import server
from tests.llm.asking import COST, ENOUGH, Asker, request, spec
from tests.llm.server import Endpoint, Fault, serving

FREE: dict[str, Fault] = {
    "429": server.status(429),
    "429, Retry-After": server.status(429, headers={"Retry-After": "0.01"}),
    "500": server.status(500),
    "529": server.status(529),
}
BILLED: dict[str, Fault] = {
    "reset": server.reset,
    "truncated JSON": server.truncated,
    "broken off": server.broken_off,
    "504": server.status(504),
}
FINAL: dict[str, Fault] = {
    "cut off": server.other(finish="length"),
    "filtered": server.other(finish="content_filter", text=""),
    "wrong class": server.other(text="none of them"),
    "no usage": server.other(usage=None),
    "usage too high": server.other(usage={"prompt_tokens": 9999, "completion_tokens": 99}),
    "row refused": server.status(400, "too long", code="context_length_exceeded"),
}
STATES = {"cut off": "cut_off", "filtered": "filtered", "row refused": "failed"}


def _script(endpoint: Endpoint, rows: int, seed: int) -> dict[str, list[str]]:
    """Up to five faults that pass, then at times one that stays."""
    drawn = random.Random(seed)
    plans: dict[str, list[str]] = {}
    for content in (f"row {i}" for i in range(rows)):
        names = drawn.choices([*FREE, *BILLED], k=drawn.choice([0, 0, 0, 1, 2, 5]))
        if drawn.random() < 0.3:
            names.append(drawn.choice(list(FINAL)))
        plans[content] = names
        endpoint.faults[content].extend((FREE | BILLED | FINAL)[name] for name in names)
    return plans


@pytest.mark.parametrize("seed", range(2))
def test_no_row_is_lost_or_doubled_whatever_happens(seed: int) -> None:
    with serving(Endpoint()) as endpoint:
        plans = _script(endpoint, 200, seed)
        asker = Asker(spec(endpoint.base_url, retries=3))
        asked = asker.ask([request(content) for content in plans])
    assert asked.unasked == ()
    for answer, (content, names) in zip(asked.answers, plans.items(), strict=True):
        passing = [name for name in names if name not in FINAL]
        calls = min(len(passing), 4)
        lost = sum(name in BILLED for name in passing[:4])
        final = names[-1] if len(passing) < len(names) else "right"
        state = "failed" if calls == 4 else STATES.get(final, "answered")
        assert (content, answer.state) == (content, state), names
        assert endpoint.received[content] == calls + (calls < 4)
        assert endpoint.completed[content] <= 1
        assert answer.micro_usd >= lost * COST
        assert asker.answers.times_asked[answer.key] == 1 + lost - (calls == 4 and passing[3] in BILLED)  # fmt: skip
    told_more = [a for a in asked.answers if a.usage.output >= 99]
    over = sum(answer.micro_usd for answer in asker.answers.kept) - asker.purse.spent
    # Only what an endpoint says to have taken beyond what it could is not in the purse.
    assert over == 0 if not told_more else over > 0
    assert asker.purse.at_stake == 0 and asker.answers.owed == {}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_the_purse_is_never_exceeded(share: float) -> None:
    """Whatever breaks, at most what is in it is spent, and what is not asked is said."""
    rows = 150
    with serving(Endpoint()) as endpoint:
        _script(endpoint, rows, seed=7)
        asker = Asker(spec(endpoint.base_url), money=int(share * rows * COST))
        requests = [request(f"row {i}") for i in range(rows)]
        asked = asker.ask(requests)
    assert len(asked.answers) + len(asked.unasked) == rows
    assert asker.purse.spent <= asker.purse.money
    assert asker.purse.most_at_stake <= asker.purse.money
    assert asker.purse.at_stake == 0 and asker.answers.owed == {}
    assert {sent.key for sent in requests} == {a.key for a in asked.answers} | {r.key for r in asked.unasked}  # fmt: skip
    if not share:
        assert endpoint.received.total() == 0


def test_with_its_own_gate_and_limits() -> None:
    with serving(Endpoint()) as endpoint:
        endpoint.faults["*"].extend([server.status(429, headers={"Retry-After": "0.05"})] * 5)
        tester = spec(endpoint.base_url, requests_per_minute=100_000, tokens_per_minute=10**8)
        gate = EndpointGate(OwnLeases(Limiter(tester.limits)), tester.limits.in_flight)
        asker = Asker(tester, gate=gate)
        asked = asker.ask([request(f"row {i}") for i in range(60)])
    assert Counter(answer.state for answer in asked.answers) == {"answered": 60}
    assert set(endpoint.completed.values()) == {1}
    asker.balance()


def test_half_characters_and_any_text_are_asked_and_kept() -> None:
    texts = ["\ud83d", "a\x00b", "{{ x }}", "\u202eabc", '"}]}', "x" * 100_000, "<|im_end|>", "\n"]
    with serving(Endpoint(answer=lambda content: f"{content[:50]}\ud800")) as endpoint:
        asker = Asker(spec(endpoint.base_url), money=ENOUGH)
        asked = asker.ask([request(text) for text in texts])
    assert [answer.state for answer in asked.answers] == ["answered"] * len(texts)
    assert dict(endpoint.received) == dict.fromkeys(["?", *texts[1:]], 1)
    for answer in asked.answers:
        answer.text.encode()
