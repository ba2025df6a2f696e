"""An LLM that is asked about the rows of a task, each once: what was answered before is read, the rest is paid and asked.

Whatever asks, a shard of a pool or a pilot, its answers are kept under what was asked (`raydoa.llm.journal`), so nothing
is bought twice, whoever was killed when.
"""

import asyncio
import hashlib
import json
import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

from raydoa.account.account import Account
from raydoa.account.entries import whoami
from raydoa.account.purse import open_purse
from raydoa.errors import UserError
from raydoa.labels.llm_money import NOBODYS, Accounted, Boundless, spent_of
from raydoa.labels.llm_progress import AskingProgress
from raydoa.llm.answer import Answer, Message, Request
from raydoa.llm.ask import Gate, ask_all
from raydoa.llm.batches import Money, ask_in_batches, order_batches
from raydoa.llm.client import Connection
from raydoa.llm.counting import counter_of
from raydoa.llm.gate import EndpointGate, OwnLeases
from raydoa.llm.in_use import Doors
from raydoa.llm.inquiry import Inquiry
from raydoa.llm.journal import Journal
from raydoa.llm.limiter import Limiter
from raydoa.llm.shots import choose_shots
from raydoa.llm.spec import LlmSpec
from raydoa.llm.till import Answers, Purse
from raydoa.money import shown_usd
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.file_locks import FileLocks
from raydoa.pipeline.stages import SourceConfig
from raydoa.store.layout import local_folder
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.split import labelled

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answered:
    """What is known of rows.

    Attributes:
        answers: by row id: one, or one a vote.
        spent_micro_usd: what was spent now; the rest had been asked before.
    """

    answers: dict[str, list[Answer]]
    spent_micro_usd: int

    def bills(self) -> dict[str, list[Answer]]:
        """The answers that each row is to pay; of rows with one source, which share them, the first does."""
        paid: set[str] = set()
        bills = {}
        for row_id, answers in self.answers.items():
            bills[row_id] = [answer for answer in answers if answer.key not in paid]
            paid |= {answer.key for answer in answers}
        return bills


class Asking:
    """An LLM, asked in one set of words.

    Args:
        source: which LLM, and its shots.
        task: whose rows.
        rows: all of the task's.
        seed: of the order in which rows are owned, from which shots are drawn.
        context: the store, and how the LLM is reached.
    """

    def __init__(
        self, source: SourceConfig, task: str, rows: TaskRows, seed: int, context: ExecutionContext
    ) -> None:
        self.llm = context.llms[source.option("llm")]
        self._context = context
        spec = context.tasks[task]
        count = int(source.option("shots"))
        self._which = task, count
        owned = labelled(rows, seed, int(source.option("n"))) if count else []
        shots = choose_shots(owned, spec, count, seed)
        if shots.fewer:
            logger.warning("LLM %s: %s", self.llm.spec.name, shots.fewer)
        self.shots = shots
        self.inquiry = Inquiry.of(self.llm.spec, spec, shots.shown)
        self._counter = counter_of(self.llm.spec.tokenizer)
        self._beside = json.dumps(self.inquiry.form.constraint(), ensure_ascii=False)

    @cached_property
    def _journal(self) -> Journal:
        return Journal.of(self._context.store, self._which[0], self.inquiry.fingerprint)

    def answers(self, rows: Sequence[Row], what: str, block: object) -> Answered:
        """The answers to rows; those that there are not yet are asked for, and so are those that failed.

        Args:
            rows: their targets are not looked at.
            what: a line about them, for the account.
            block: what others may ask about at the same time under the same name, in other shards: one of them asks at a time.

        Raises:
            UserError: the account has not enough, the key is not there, or the endpoint refuses whatever is asked.
        """
        with self._holding(block):
            requests = self._unanswered(rows)
            spent = self._ask(requests, what) if requests else 0
            kept = self._journal.answers()
        wanted = {row.id: self.inquiry.keys(row.source) for row in rows}
        return Answered({row: [kept[key] for key in keys] for row, keys in wanted.items()}, spent)

    def order(self, rows: Sequence[Row], what: str, block: object) -> None:
        """Have batches made for what `answers` would ask with the same arguments, and wait for none of them.

        Where somebody asks about the block, it is left to them.

        Raises:
            UserError: as there; also where the endpoint has too many batches waiting.
        """
        context, name = self._context, self._lock_of(block)
        with ExitStack() as held:
            free = held.enter_context(FileLocks(context.store).trying(name))
            if free and context.doors is not None and local_folder(context.store.url) is None:
                free = held.enter_context(context.doors.trying(name))
            requests = self._unanswered(rows) if free else []
            if requests:
                self._check_costs(requests)
                asyncio.run(self._order(requests, f"{self.llm.spec.name}, {what}"))

    @contextmanager
    def _holding(self, block: object) -> Iterator[None]:
        """Be the only one who asks about a block: of this machine by a file, of a cluster by its doors."""
        context, name = self._context, self._lock_of(block)
        with ExitStack() as held:
            if context.doors is not None and local_folder(context.store.url) is None:
                held.enter_context(context.doors.holding(name))
            held.enter_context(FileLocks(context.store).holding(name))
            yield

    def _lock_of(self, block: object) -> str:
        return hashlib.sha256(f"{self._journal.folder} {block}".encode()).hexdigest()

    def _unanswered(self, rows: Sequence[Row]) -> list[Request]:
        """What is to be asked about rows: no answer has been had, or it failed."""
        done = {key for key, one in self._journal.answers().items() if one.state != "failed"}
        left = [row for row in rows if not done.issuperset(self.inquiry.keys(row.source))]
        return [r for r in self.inquiry.requests(left, self._most_tokens) if r.key not in done]

    def _most_tokens(self, messages: Sequence[Message]) -> int:
        return self._counter.most(messages, self._beside)

    def _ask(self, requests: Sequence[Request], what: str) -> int:
        """Ask; returns what was spent, in micro-dollars."""
        llm, context = self.llm, self._context
        highest = self._check_costs(requests)
        what = f"{llm.spec.name}, {what}"
        if llm.spec.batch:
            return asyncio.run(self._in_batches(requests, what))
        if not llm.spends:
            # What is only priced is nobody's money; its journal is kept all the same.
            writer = self._journal.writer(f"priced-{uuid.uuid4().hex[:12]}", whoami())
            with writer:
                return asyncio.run(self._asked(requests, Boundless(), writer))
        account = Account(context.store, context.account)
        account.recover(spent_of(context.store))
        with (
            open_purse(account, highest, what, self._journal.folder) as purse,
            self._journal.writer(purse.reservation.id, whoami()) as writer,
        ):
            asyncio.run(self._asked(requests, purse, writer))
            return purse.spent

    def _check_costs(self, requests: Sequence[Request]) -> int:
        """What requests may cost together. Raises `UserError`: one may cost more than plans reckon with."""
        llm, total = self.llm, 0
        most = llm.most_row_micro_usd[self._which] // self.inquiry.form.votes
        for request in requests:
            cost = llm.rates.micro_usd(request.highest)
            if cost > most:
                raise UserError(
                    f"LLM {llm.spec.name}: row {request.row_id} may cost {shown_usd(cost)}, and plans reckon with "
                    f"{shown_usd(most)} a call at most: its rows are others now; run it again"
                )
            total += cost
        return total

    def _money(self, what: str) -> Money:
        """Who pays for batches."""
        context = self._context
        if not self.llm.spends:
            return NOBODYS
        account = Account(context.store, context.account)
        account.recover(spent_of(context.store))
        return Accounted(account, what, self._journal.folder)

    async def _order(self, requests: Sequence[Request], what: str) -> None:
        llm, doors, money = self.llm, self._context.doors, self._money(what)
        if doors is not None:
            _take_key(llm.spec, doors)
        async with Connection(llm.spec) as connection:
            await order_batches(requests, connection, llm.rates, money, self._journal)

    async def _in_batches(self, requests: Sequence[Request], what: str) -> int:
        """Ask through the batch interface; returns what that costs."""
        llm, context, money = self.llm, self._context, self._money(what)
        if context.doors is not None:
            _take_key(llm.spec, context.doors)
        count = AskingProgress(llm.spec, len(requests), context.doors)
        try:
            async with Connection(llm.spec) as connection:
                return await ask_in_batches(
                    requests, connection, llm.rates, money, self._journal, count.told
                )
        finally:
            count.end()

    async def _asked(self, requests: Sequence[Request], purse: Purse, writer: Answers) -> int:
        """Ask all; returns what that costs at the prices of the LLM."""
        spec, doors = self.llm.spec, self._context.doors
        if doors is None:
            gate: Gate = EndpointGate(OwnLeases(Limiter(spec.limits)), spec.limits.in_flight)
        else:
            gate = doors.gate(spec)
            _take_key(spec, doors)
        count = AskingProgress(spec, len(requests), doors)
        try:
            async with Connection(spec) as connection:
                asked = await ask_all(
                    requests, connection, self.llm.rates, purse, writer, gate, count.told
                )
        finally:
            count.end()
        if asked.unasked:
            raise UserError(
                f"LLM {spec.name}: {len(asked.unasked):,} of {len(requests):,} calls were not made: bills were above what was "
                "reserved for them; see `raydoa account`, and run it again"
            )
        return sum(answer.micro_usd for answer in asked.answers)


def _take_key(spec: LlmSpec, doors: Doors) -> None:
    """Have the run's key in this process, where its own environment has none."""
    variable = spec.api_key_variable
    if variable is not None and variable not in os.environ and (key := doors.key(spec)):
        os.environ[variable] = key
