"""One process asks an endpoint about many requests, and loses neither a row nor a cent.

A fixed number of workers take the requests one by one. For each: what it may cost at most is reserved in the purse, the gate
lets it start, the journal knows of it before it is sent, and its answer is in the journal before the worker takes another.

Money of a call:

- its bill replaces the reservation; where the endpoint does not say what it used, the bill is the reservation;
- where it says more than was reserved, the answer records what it says, the purse takes the reservation, and a warning says so once;
- a call that was refused costs nothing, and its reservation waits with it for the next try;
- a call that was sent and never answered may be billed: it costs its reservation, and the next try takes another one.
  The answer that comes at last has all of them in its usage and cost.

A call that does not fit into the purse waits as long as others may still leave something of theirs, and is not made if
nothing does. What is wrong for any row (`raydoa.llm.refusals`) ends all: nothing more is sent, what is under way is waited
for and kept. Calls of a task that is cancelled were sent, so they stay owed.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from raydoa.errors import Unreachable, UserError
from raydoa.llm.answer import Answer, Request, State
from raydoa.llm.client import Connection, Reply
from raydoa.llm.completion import Completion
from raydoa.llm.refusals import Trouble, end_line, pause, understood
from raydoa.llm.till import Answers, Purse, Stake, Till
from raydoa.llm.tokens import TokenRates, Usage

_LOG = logging.getLogger(__name__)
_PATH = "/chat/completions"


class Gate(Protocol):
    """The limiter of an endpoint, as calls see it."""

    async def enter(self, tokens: int) -> None:
        """Wait until one more call of at most so many tokens may start."""

    def told(self, headers: Mapping[str, str], status: int, spare: int) -> None:
        """A call that entered is over: what its response says of limits, and tokens that it did not use; status 0: no response."""


@dataclass(frozen=True)
class Asked:
    """What came of requests.

    Attributes:
        answers: of those that were asked, in the order of the requests.
        unasked: those for which the purse had no room.
    """

    answers: tuple[Answer, ...]
    unasked: tuple[Request, ...]


async def ask_all(
    requests: Sequence[Request],
    connection: Connection,
    rates: TokenRates,
    purse: Purse,
    answers: Answers,
    gate: Gate,
    told: Callable[[Answer], None],
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Asked:
    """Ask an endpoint; requests with one key are asked once.

    Args:
        requests: what is asked.
        connection: to the endpoint, open.
        rates: what its tokens cost.
        purse: what may be spent.
        answers: where answers are kept.
        gate: when a call may start.
        told: hears of each answer after it is kept.
        rest: waits some seconds before a retry.

    Raises:
        UserError: what no retry mends for any row; answers that came are kept.
    """
    once = list({request.key: request for request in requests}.values())
    with Till(purse, answers, connection.spec.limits.in_flight) as till:
        return await _Asking(connection, rates, till, gate, told, rest).all(once)


class _Asking:
    def __init__(
        self,
        connection: Connection,
        rates: TokenRates,
        till: Till,
        gate: Gate,
        told: Callable[[Answer], None],
        rest: Callable[[float], Awaitable[None]],
    ) -> None:
        self._connection, self._rates, self._till = connection, rates, till
        self._gate, self._told, self._rest = gate, told, rest
        self._limits = connection.spec.limits
        self._ended: BaseException | None = None
        self._resting: set[asyncio.Task[None]] = set()
        self._answered = self._refused = 0
        self._said = False

    async def all(self, requests: Sequence[Request]) -> Asked:
        found: dict[str, Answer] = {}
        queue = iter(requests)
        workers = min(self._limits.in_flight, len(requests))
        tasks = [asyncio.create_task(self._work(queue, found)) for _ in range(workers)]
        for task in tasks:
            task.add_done_callback(self._over)
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._ended is not None:
            raise self._ended
        return Asked(
            tuple(found[request.key] for request in requests if request.key in found),
            tuple(request for request in requests if request.key not in found),
        )

    async def _work(self, queue: Iterator[Request], found: dict[str, Answer]) -> None:
        for request in queue:
            stake = Stake(request, self._rates.micro_usd(request.highest))
            try:
                answer = await self._ask(request, stake)
            finally:
                await self._till.leave(stake)
            if answer is not None:
                found[request.key] = answer
            if self._ended is not None:
                return

    async def _ask(self, request: Request, stake: Stake) -> Answer | None:
        """Ask until there is an answer; None: there is no room in the purse, or all has ended."""
        asked_at, reached = time.time(), False
        trouble: Trouble | None = None
        for attempt in range(self._limits.retries + 1):
            with self._rests():
                if trouble is not None:
                    await self._rest(pause(attempt, trouble.wait))
                if not await self._till.take(stake):
                    break
                await self._gate.enter(_tokens(request.highest))
            came = await self._call(request, stake)
            if isinstance(came, Completion):
                self._answered += 1
                return await self._keep(request, came, stake, asked_at)
            if came.billed:
                self._till.lose(stake)
            trouble, reached = came, reached or came.reached
            self._judge(came, never_reached=attempt == self._limits.retries and not reached)
            if self._ended is not None:
                return None
            if came.then != "again":
                break
        if trouble is None:
            return None
        state: State = "filtered" if trouble.then == "filtered" else "failed"
        failed = Completion(state, "", trouble.reason, (), Usage())
        return await self._keep(request, failed, stake, asked_at)

    async def _call(self, request: Request, stake: Stake) -> Completion | Trouble:
        """One call, which has entered the gate and leaves it here."""
        headers: Mapping[str, str] = {}
        status = spare = 0
        try:
            await self._till.tell(stake)
            if self._ended is not None:
                raise asyncio.CancelledError
            stake.sent = True
            came = await self._connection.post(_PATH, request.body)
            outcome = understood(came, self._connection)
            stake.sent = False
            if isinstance(came, Reply):
                headers, status = came.headers, came.status
            if isinstance(outcome, Completion) and outcome.usage is not None:
                spare = max(0, _tokens(request.highest) - _tokens(outcome.usage))
            return outcome
        finally:
            self._gate.told(headers, status, spare)

    async def _keep(
        self, request: Request, completion: Completion, stake: Stake, asked_at: float
    ) -> Answer:
        usage = request.highest if completion.usage is None else completion.usage
        bill = self._rates.micro_usd(usage)
        if bill > stake.cost:
            self._warn(request.highest, usage)
        connection = self._connection
        cleaned = replace(
            completion,
            text=connection.without_key(completion.text),
            reason=connection.clean(completion.reason),
        )
        answer = stake.answer(cleaned, usage, bill, asked_at)
        await self._till.keep(stake, answer, bill)
        self._told(answer)
        return answer

    def _warn(self, highest: Usage, usage: Usage) -> None:
        if not self._said:
            self._said = True
            _LOG.warning(
                "LLM %s says that a call took %d tokens of input and %d of output, more than %d and %d at most: see its bill",
                self._connection.spec.name, usage.input + usage.cached, usage.output, highest.input, highest.output,
            )  # fmt: skip

    def _judge(self, trouble: Trouble, *, never_reached: bool) -> None:
        """End all where no row can do better."""
        self._refused += trouble.then == "row"
        # Refusals are quicker than answers: with half of the rows refused, as many as are in flight come before the first answer.
        refused_all = not self._answered and self._refused >= 10 + 2 * self._limits.in_flight
        if trouble.then == "end":
            self._end(UserError(end_line(trouble, self._connection)))
        elif never_reached:
            advice = "see whether the endpoint runs and can be reached from here, and run again"
            self._end(Unreachable(end_line(replace(trouble, advice=advice), self._connection)))
        elif refused_all:
            advice = f"it refused {self._refused} rows and answered none: see the LLM's file and the prompt"
            self._end(UserError(end_line(replace(trouble, advice=advice), self._connection)))

    def _over(self, worker: "asyncio.Task[None]") -> None:
        if not worker.cancelled() and (error := worker.exception()) is not None:
            self._end(error)

    def _end(self, error: BaseException) -> None:
        """Nothing more is sent: a worker that rests goes home, one in a call waits for it."""
        self._ended = self._ended or error
        for task in self._resting:
            task.cancel()

    @contextmanager
    def _rests(self) -> Iterator[None]:
        """The worker is in no call, and may be sent home."""
        task = asyncio.current_task()
        assert task is not None
        if self._ended is not None:
            raise asyncio.CancelledError
        self._resting.add(task)
        try:
            yield
        finally:
            self._resting.discard(task)


def _tokens(usage: Usage) -> int:
    return usage.input + usage.cached + usage.output
