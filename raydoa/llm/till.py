"""The money and the journal of the calls that are under way in one process.

Each request has a `Stake`: what it may cost at most, taken from the purse while a call of it waits, is under way, or waits to be
tried again. A stake that was sent is owed until its answer is kept, whatever ends first: the process, the disk or the patience.

A journal that waits for a network is written in threads: meanwhile the other calls go on.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from raydoa.llm.answer import Answer, Request
from raydoa.llm.completion import Completion
from raydoa.llm.tokens import Usage

NOT_ASKED = "not asked to the end, since the asking had ended"
"""The reason of a failed answer that takes back what the journal was told of a call."""


class Purse(Protocol):
    """Money that may be spent."""

    def reserve(self, micro_usd: int) -> bool:
        """Take what a call may cost at most; False: it does not fit any more, and the call is not made."""

    def settle(self, reserved: int, cost: int) -> None:
        """The bill, at most what was reserved, replaces the reservation."""


class Answers(Protocol):
    """A journal of answers; what a method was told is durable when it returns.

    A key may be asked several times, since a call that broke is asked again and may be billed like each. Without an answer all
    of them are owed; an answer's cost holds those of all, also of one that is ``failed`` and may be asked again.
    """

    @property
    def waits(self) -> bool:
        """Whether a method waits for a network; it is then called in threads, several at a time."""

    def asked(self, request_key: str, highest_micro_usd: int) -> None:
        """A call is about to be sent, and may cost so much."""

    def keep(self, answer: Answer) -> None:
        """What came of a request."""


@dataclass
class Stake:
    """What a request has at stake.

    Attributes:
        request: the request.
        cost: of a call, at most.
        held: it is reserved.
        known: the journal has the call as asked.
        sent: it may be billed, or the journal may have it, and no answer of it is kept yet.
        lost: calls before it that were sent, not answered, and paid for in full.
    """

    request: Request
    cost: int
    held: bool = False
    known: bool = False
    sent: bool = False
    lost: int = 0

    def answer(self, completion: Completion, usage: Usage, bill: int, asked_at: float) -> Answer:
        """An answer with what its last call took, and the lost ones before it."""
        return Answer(
            key=self.request.key,
            row_id=self.request.row_id,
            state=completion.state,
            text=completion.text,
            reason=completion.reason,
            top=completion.top,
            usage=sum([self.request.highest] * self.lost, usage),
            micro_usd=bill + self.lost * self.cost,
            asked_at=asked_at,
        )


class Till:
    """Takes stakes from ``purse``, and writes to ``answers``; a context, within an event loop."""

    def __init__(self, purse: Purse, answers: Answers, in_flight: int) -> None:
        self._purse, self._answers = purse, answers
        self._threads = ThreadPoolExecutor(in_flight, thread_name_prefix="answers")
        self._held = 0
        self._freed = asyncio.Event()

    async def take(self, stake: Stake) -> bool:
        """Reserve a stake; while it does not fit, wait for what others leave of theirs. False: nothing will be left."""
        while not stake.held:
            if self._purse.reserve(stake.cost):
                stake.held = True
                self._held += 1
            elif not self._held:
                return False
            else:
                await self._freed.wait()
        return True

    async def tell(self, stake: Stake) -> None:
        """Let the journal know of a call before it is sent."""
        if not stake.known:
            stake.sent = True
            await self._write(partial(self._answers.asked, stake.request.key, stake.cost))
            stake.known, stake.sent = True, False

    def lose(self, stake: Stake) -> None:
        """A call was sent and will not be answered: it is paid for in full."""
        stake.lost += 1
        self._settle(stake, stake.cost)

    async def keep(self, stake: Stake, answer: Answer, bill: int) -> None:
        """Keep an answer, then pay for its last call."""
        stake.sent = stake.held
        await self._write(partial(self._answers.keep, answer))
        if stake.held:
            self._settle(stake, min(bill, stake.cost))

    async def leave(self, stake: Stake) -> None:
        """Give back what was reserved for a call that was not made, or was refused; one that was sent stays owed."""
        if not stake.held:
            return
        owed, known = stake.sent, stake.known
        self._settle(stake, stake.cost if owed else 0)
        if known and not owed:
            nothing = Completion("failed", "", NOT_ASKED, (), None)
            await self._write(partial(self._answers.keep, stake.answer(nothing, Usage(), 0, time.time())))  # fmt: skip

    def _settle(self, stake: Stake, cost: int) -> None:
        self._purse.settle(stake.cost, cost)
        stake.held = stake.known = stake.sent = False
        self._held -= 1
        freed, self._freed = self._freed, asyncio.Event()
        freed.set()

    async def _write(self, entry: Callable[[], None]) -> None:
        if self._answers.waits:
            await asyncio.get_running_loop().run_in_executor(self._threads, entry)
        else:
            entry()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown()
