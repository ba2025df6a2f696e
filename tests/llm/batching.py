"""A store, an account and processes that buy batches one after the other; each can end at any step."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from raydoa.account.account import Account
from raydoa.account.state import State
from raydoa.labels.llm_money import Accounted, spent_of
from raydoa.llm import batches
from raydoa.llm.answer import Answer, Request
from raydoa.llm.batch_notes import BatchNotes
from raydoa.llm.client import Connection
from raydoa.llm.journal import Journal
from raydoa.llm.spec import LlmSpec
from raydoa.llm.tokens import TokenRates
from raydoa.store.store import Store
from tests.llm.asking import HIGHEST, request

QUESTION = "ab" * 32
RATES = TokenRates(input=75_000, cached=75_000, output=300_000)
COST = RATES.micro_usd(HIGHEST)
SIX = [request(f"text {i}") for i in range(6)]


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Steps:
    """Everything that leaves the process: the one numbered ``end`` is its last, done or not."""

    end: int = 10**9
    done: bool = False
    taken: int = 0

    def kills(self) -> bool:
        self.taken += 1
        return self.taken == self.end


@dataclass
class World:
    """A store, an account that has just enough, and processes that ask one after the other."""

    store: Store
    spec: LlmSpec
    ceiling: int = 6 * COST
    clock: float = 1_000_000.0
    waited: list[float] = field(default_factory=list)
    told: list[Answer] = field(default_factory=list)
    most_committed: int = 0

    def __post_init__(self) -> None:
        Account(self.store, "it").first_limit(self.ceiling)

    @property
    def journal(self) -> Journal:
        return Journal.of(self.store, "wlp", QUESTION)

    @property
    def state(self) -> State:
        state = Account(self.store, "it").state()
        self.most_committed = max(self.most_committed, state.committed)
        return state

    def run(self, requests: Sequence[Request] = SIX, rates: TokenRates = RATES) -> int:
        """One process, which asks for what has no answer."""
        account = Account(self.store, "it")
        try:
            account.recover(spent_of(self.store))
            done = {a.key for a in self.journal.answers().values() if a.state != "failed"}
            left = [one for one in requests if one.key not in done]
            return asyncio.run(self._asking(left, rates, account)) if left else 0
        finally:
            for lock in account._owners._held.values():
                os.close(lock._descriptor)  # As the kernel does.

    async def _asking(self, left: Sequence[Request], rates: TokenRates, account: Account) -> int:
        money = Accounted(account, "rows", self.journal.folder)
        async with Connection(self.spec) as connection:
            return await batches.ask_in_batches(
                left, connection, rates, money, self.journal, self.told.append, self._rest, lambda: self.clock
            )  # fmt: skip

    async def _rest(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.clock += seconds
        assert self.state.committed <= self.ceiling

    def texts(self) -> dict[str, str]:
        return {key: answer.text for key, answer in self.journal.answers().items()}

    def balance(self) -> None:
        """What was spent is in answers, or owed for calls without one; nothing is open."""
        state = self.state
        unanswered = sum(one.micro_usd for one in self.journal.unanswered())
        kept = sum(
            answer.micro_usd
            for segment in self.journal._segments().values()
            for answer in (*segment.answers.values(), *segment.again)
        )
        assert state.open == {} and state.spent == kept + unanswered
        assert self.most_committed <= self.ceiling
        notes = BatchNotes(self.journal).open()
        assert [note for note in notes if self.journal.segment(note.id) is None] == []


TEXTS = {one.key: f"label of text {i}" for i, one in enumerate(SIX)}
