"""Asks an endpoint of `tests.llm.server`, with books that are balanced afterwards."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from raydoa.llm.answer import Answer, Request
from raydoa.llm.ask import Asked, Gate, ask_all
from raydoa.llm.client import Connection
from raydoa.llm.spec import Limits, LlmSpec
from raydoa.llm.tokens import TokenRates, Usage
from tests.llm.books import MemoryAnswers, MemoryPurse, OpenGate

RATES = TokenRates(input=150_000, cached=75_000, output=600_000)
HIGHEST = Usage(input=400, output=16)
COST = RATES.micro_usd(HIGHEST)
ENOUGH = 10**12


def request(content: str, *, highest: Usage = HIGHEST, **body: object) -> Request:
    return Request(
        key=hashlib.sha256(content.encode(errors="replace")).hexdigest(),
        row_id=f"row {content[:20]}",
        body={"model": "m", "messages": [{"role": "user", "content": content}], "max_tokens": 16, **body},
        highest=highest,
    )  # fmt: skip


def spec(base_url: str, *, key: str | None = None, **limits: object) -> LlmSpec:
    return LlmSpec(
        name="tester",
        model="m",
        base_url=base_url,
        api_key_variable=key,
        limits=Limits.model_validate({"timeout_seconds": 20.0, "retries": 3, **limits}),
    )


@dataclass
class Asker:
    """All that asking needs, and what was seen of it."""

    spec: LlmSpec
    money: int = ENOUGH
    answers: MemoryAnswers = field(default_factory=MemoryAnswers)
    gate: Gate = field(default_factory=OpenGate)
    told: list[Answer] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.purse = MemoryPurse(self.money)
        self.rest = self._rest

    def ask(self, requests: Sequence[Request]) -> Asked:
        return asyncio.run(self.asking(requests))

    async def asking(self, requests: Sequence[Request]) -> Asked:
        async with Connection(self.spec) as connection:
            return await ask_all(
                requests, connection, RATES, self.purse, self.answers, self.gate, self.told.append, self.rest
            )  # fmt: skip

    async def _rest(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def balance(self) -> None:
        """Nothing is at stake any more; what was spent is in answers that were kept, or owed; never more than there was."""
        assert self.purse.at_stake == 0
        assert self.purse.most_at_stake <= self.money
        assert self.purse.spent <= self.money
        assert self.purse.spent == sum(answer.micro_usd for answer in self.answers.kept) + self.answers.owed_micro_usd  # fmt: skip
        keys = [answer.key for answer in self.answers.kept]
        assert len(keys) == len(set(keys))
        assert sorted(self.told, key=str) == sorted(self.answers.given, key=str)
        if isinstance(self.gate, OpenGate):
            assert self.gate.inside == 0
