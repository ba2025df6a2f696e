"""Ask and tell: the bookkeeping that every search shares, whatever decides.

A `Sampler` decides what to measure next and which plan to recommend; `Search` keeps what is known, what is pending and
what it costs, never proposes what the limit cannot pay, and can be brought back from its log. No Ray in here.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from raydoa.errors import UserError
from raydoa.search.costs import ROUNDING_USD, Point
from raydoa.search.holdings import Candidate, Holdings
from raydoa.search.space import Space

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Observation:
    """What came out: the score (None: it failed) and the dollars that it took on top of what was there."""

    candidate: Candidate
    score: float | None
    cost_usd: float


@dataclass(frozen=True)
class Known:
    """Everything that a chooser may decide by.

    Attributes:
        space: what can be proposed.
        observations: what came out, in the order of telling.
        pending: what was proposed and is not told yet; its artifacts are sunk.
        holdings: what exists or is on its way.
        left_usd: what may still be spent.
        seed: of the search; a chooser that draws takes how much is known beside it.
    """

    space: Space
    observations: tuple[Observation, ...]
    pending: tuple[Candidate, ...]
    holdings: Holdings
    left_usd: float
    seed: int

    @property
    def tried(self) -> frozenset[Candidate]:
        """What was measured, has failed or is pending: no choice any more."""
        told = (observation.candidate for observation in self.observations)
        return frozenset({*told, *self.pending})

    def affordable(self, bundle: Sequence[Candidate]) -> bool:
        """Whether what is left pays for a bundle."""
        return self.holdings.together(bundle) + len(bundle) * ROUNDING_USD <= self.left_usd


@dataclass(frozen=True)
class Choice:
    """What to measure next, together; nothing and a reason to stop; or nothing for now, while others are pending."""

    candidates: tuple[Candidate, ...] = ()
    why: str = ""
    stop: bool = False


class Sampler(Protocol):
    """Decides. It keeps nothing that `Known` does not tell: a search that is brought back goes on the same."""

    def choose(self, known: Known) -> Choice:
        """What to measure next; candidates that are measured, pending or not affordable are no choice."""
        ...

    def recommend(self, known: Known) -> Point:
        """The plan at the space's budget that is best as far as is known."""
        ...


@dataclass(frozen=True)
class Proposal:
    """One candidate to measure; ``cost_usd`` is its marginal cost when it was proposed."""

    number: int
    candidate: Candidate
    cost_usd: float
    why: str


class Search:
    """A search over one space.

    Args:
        space: what can be proposed.
        sampler: decides.
        limit_usd: what the search may spend in all; nothing is proposed above it.
        seed: of the chooser's draws.
        there: what exists before the search begins; nothing but the labels owned, unless given.

    Raises:
        UserError: the limit is no number of dollars, or the budget pays for no plan.
    """

    def __init__(
        self,
        space: Space,
        sampler: Sampler,
        limit_usd: float,
        seed: int = 0,
        there: Holdings | None = None,
    ) -> None:
        if not limit_usd >= 0:
            raise UserError(f"limit_usd: found {limit_usd}; it is in dollars, at least 0")
        space.plans()  # Tells the cheapest plan where the budget pays for none.
        self.space = space
        self.stopped: str | None = None
        self._sampler = sampler
        self._limit_usd = limit_usd
        self._seed = seed
        self.there = there or Holdings(space.costs)
        self._holdings = self.there.copy()
        self._pending: dict[int, Proposal] = {}
        self._queue: list[tuple[Candidate, str]] = []
        self._observations: list[Observation] = []
        self._log: list[dict[str, Any]] = []

    @property
    def spent_usd(self) -> float:
        """Dollars of what came out and of what is pending."""
        told = math.fsum(observation.cost_usd for observation in self._observations)
        return told + math.fsum(proposal.cost_usd for proposal in self._pending.values())

    @property
    def limit_usd(self) -> float:
        """What the search may spend in all."""
        return self._limit_usd

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What came out so far."""
        return tuple(self._observations)

    def known(self) -> Known:
        """What is known by now."""
        pending = tuple(proposal.candidate for proposal in self._pending.values())
        queued = tuple(candidate for candidate, _ in self._queue)
        return Known(
            self.space,
            self.observations,
            pending + queued,
            self._holdings.copy(),
            self._left_usd,
            self._seed,
        )

    @property
    def _left_usd(self) -> float:
        """What may still be spent, whatever the roundings of what is pending come to."""
        pending = len(self._pending) * ROUNDING_USD
        return max(0.0, self._limit_usd - self.spent_usd - pending)

    def ask(self) -> Proposal | None:
        """The next candidate; None while the chooser waits for what is pending, and once it has stopped."""
        if self.stopped is not None:
            return None
        if not self._queue:
            choice = self._sampler.choose(self.known())
            self._queue = [(candidate, choice.why) for candidate in choice.candidates]
            if choice.stop:
                self.stopped = choice.why
                logger.info("the search stops: %s", choice.why)
        if not self._queue:
            return None
        candidate, why = self._queue.pop(0)
        cost = self._holdings.marginal(candidate).total
        if cost + ROUNDING_USD > self._left_usd:
            self._queue.clear()
            self.stopped = (
                f"the next measurement costs ${cost:,.4f}, and of the limit of ${self._limit_usd:,.2f} "
                f"${self._left_usd:,.4f} is left"
            )
            return None
        self._holdings.add(candidate)
        proposal = Proposal(len(self._log), candidate, cost, why)
        self._pending[proposal.number] = proposal
        self._log.append({"asked": plain(candidate), "cost_usd": cost, "why": why})
        return proposal

    def tell(self, number: int, score: float | None, cost_usd: float | None = None) -> None:
        """What came out of a proposal.

        Args:
            number: the proposal's.
            score: None for a failure. A score that is no number is one as well, and said.
            cost_usd: what it really took, where that is known; else what was expected.

        Raises:
            UserError: there is no such proposal pending.
        """
        proposal = self._pending.pop(number, None)
        if proposal is None:
            raise UserError(
                f"tell: found {number}; proposals that are pending: {sorted(self._pending)}"
            )
        if score is not None and not math.isfinite(score):
            logger.warning("%s scored %s: taken as a failure", proposal.candidate, score)
            score = None
        cost = proposal.cost_usd if cost_usd is None else cost_usd
        self._observations.append(Observation(proposal.candidate, score, cost))
        self._log.append({"told": number, "score": score, "cost_usd": cost})
        if score is None:
            self._holdings = self._what_is_left()

    def _what_is_left(self) -> Holdings:
        """After a failure: labels that were bought stay; of the rest, what others have needed with success."""
        holdings = self.there.copy()
        holdings.labels = self._holdings.labels
        for observation in self._observations:
            if observation.score is not None:
                holdings.add(observation.candidate)
        for proposal in self._pending.values():
            holdings.add(proposal.candidate)
        return holdings

    def recommend(self) -> Point:
        """The plan at the budget that is best as far as is known."""
        return self._sampler.recommend(self.known())

    def state(self) -> dict[str, Any]:
        """Everything that was asked and told, and what is chosen already, as plain values; `restore` reads it."""
        queue = [[plain(candidate), why] for candidate, why in self._queue]
        return {"log": list(self._log), "queue": queue, "stopped": self.stopped}

    def restore(self, state: Mapping[str, Any]) -> list[Proposal]:
        """Bring back a search that has not begun; return what was pending, which is to be measured again.

        Raises:
            UserError: the search has begun.
        """
        if self._log:
            raise UserError("restore: this search has begun; restore into a new one")
        for number, entry in enumerate(state["log"]):
            if "asked" in entry:
                candidate = candidate_from(entry["asked"])
                self._holdings.add(candidate)
                self._pending[number] = Proposal(number, candidate, entry["cost_usd"], entry["why"])
                self._log.append(dict(entry))
            else:
                self.tell(entry["told"], entry["score"], entry["cost_usd"])
        self._queue = [(candidate_from(values), why) for values, why in state["queue"]]
        self.stopped = state["stopped"]
        return list(self._pending.values())


def plain(candidate: Candidate) -> dict[str, Any]:
    """The candidate as plain values of the log."""
    return asdict(candidate)


def candidate_from(values: Mapping[str, Any]) -> Candidate:
    """The candidate that the log has as plain values."""
    return Candidate(Point(**values["point"]), values["repeat"])
