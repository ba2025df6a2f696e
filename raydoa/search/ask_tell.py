"""Ask and tell: the bookkeeping that every search shares, whatever decides.

A `Sampler` decides which plan to measure next and which to recommend; `Search` keeps what was measured, what is pending
and what it costs, never proposes what the limit cannot pay, and can be restored from its log. No Ray in here.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from raydoa.costs.plan import Plan, plan_from_json
from raydoa.costs.tariffs import MICRO, micro_budget
from raydoa.errors import UserError
from raydoa.experiment.accounting import Purchases, bought_items
from raydoa.search.sampler import Observation, Sampler, SearchState
from raydoa.search.space import Space

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proposal:
    """One plan to measure.

    Attributes:
        number: of the proposal.
        plan: what is measured.
        units: of each cost item, those that it was the first to ask for.
        cost_micro_usd: their cost.
        why: in words.
    """

    number: int
    plan: Plan
    units: Mapping[str, int] = field(compare=False)
    cost_micro_usd: int
    why: str

    @property
    def cost_usd(self) -> float:
        """In dollars."""
        return self.cost_micro_usd / MICRO


class Search:
    """A search over one space.

    Args:
        space: what can be proposed.
        sampler: decides.
        limit_usd: what all measurements may cost, priced; nothing is proposed above it.
        seed: of the sampler's draws.
        existing: what exists before the search begins; nothing but the labels owned, unless given.

    Attributes:
        proposals: all of them, by number.
        stopped: why the search has stopped; None while it goes on.

    Raises:
        UserError: the limit is no number of dollars, or the budget pays for no plan.
    """

    def __init__(
        self,
        space: Space,
        sampler: Sampler,
        limit_usd: float,
        seed: int = 0,
        existing: Purchases | None = None,
    ) -> None:
        if not (limit_usd >= 0 and math.isfinite(limit_usd)):
            raise UserError(f"limit_usd: found {limit_usd}; it is in dollars, at least 0")
        space.plans()  # Tells the cheapest plan where the budget pays for none.
        self.space = space
        self.limit_usd = limit_usd
        self.stopped: str | None = None
        self.existing = existing or Purchases()
        self.proposals: dict[int, Proposal] = {}
        self.sampler = sampler
        self._seed = seed
        self._purchases = self.existing.copy()
        self._observed: dict[int, Observation] = {}
        self._log: list[dict[str, Any]] = []

    @property
    def spent_micro_usd(self) -> int:
        """Micro-dollars of what came out and of what is pending."""
        costs = self.proposals | self._observed
        return sum(entry.cost_micro_usd for entry in costs.values())

    @property
    def spent_usd(self) -> float:
        """The same in dollars."""
        return self.spent_micro_usd / MICRO

    @property
    def pending(self) -> dict[int, "Proposal"]:
        """The proposals that have not come out yet, by number."""
        return {n: p for n, p in self.proposals.items() if n not in self._observed}

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What came out so far."""
        return tuple(self._observed.values())

    @property
    def state(self) -> SearchState:
        """What is known by now."""
        return SearchState(
            self.space,
            self.observations,
            tuple(proposal.plan for proposal in self.pending.values()),
            self._purchases.copy(),
            max(0, micro_budget(self.limit_usd) - self.spent_micro_usd),
            self._seed,
        )

    def ask(self) -> Proposal | None:
        """The next proposal; None while the sampler waits for what is pending, and once the search has stopped."""
        if self.stopped is not None:
            return None
        state = self.state
        suggestion = self.sampler.suggest(state)
        if suggestion.stop:
            self.stopped = suggestion.why
            logger.info("the search stops: %s", suggestion.why)
        if suggestion.plan is None:
            return None
        assert not self.space.awaited_labels(suggestion.plan), f"{suggestion.plan} awaits labels"
        cost = state.marginal_micro_usd(suggestion.plan)
        if cost > state.left_micro_usd:
            self.stopped = (
                f"the next measurement costs ${cost / MICRO:,.4f}, and of the limit of ${self.limit_usd:,.2f} "
                f"${state.left_usd:,.4f} is left"
            )
            return None
        return self.propose(suggestion.plan, suggestion.why, cost)

    def propose(self, plan: Plan, why: str, cost_micro_usd: int | None = None) -> Proposal:
        """Propose a plan that no sampler was asked for; unless given, its cost is what it adds to what exists."""
        if cost_micro_usd is None:
            cost_micro_usd = self._purchases.marginal_micro_usd(plan, self.space.question)
        proposal = Proposal(len(self._log), plan, self._purchases.add(plan), cost_micro_usd, why)
        self.proposals[proposal.number] = proposal
        self._log.append({"asked": plan.to_json(), "cost_usd": proposal.cost_usd, "why": why})
        return proposal

    def tell(
        self,
        number: int,
        score: float | None,
        cost_usd: float | None = None,
        *,
        made: bool = False,
    ) -> None:
        """What came out of a proposal.

        Args:
            number: the proposal's.
            score: None for a failure. A score that is no number is one as well, and a warning.
            cost_usd: what it really took, where that is known; else what was expected.
            made: of a training without a score, whether it was stopped, so that what it needs exists.

        Raises:
            UserError: there is no such proposal pending.
        """
        if number not in self.pending:
            raise UserError(
                f"tell: found {number}; proposals that are pending: {sorted(self.pending)}"
            )
        proposal = self.proposals[number]
        if score is not None and not math.isfinite(score):
            logger.warning("%s scored %s: taken as a failure", proposal.plan, score)
            score = None
        cost = proposal.cost_micro_usd if cost_usd is None else round(cost_usd * MICRO)
        made = made or score is not None
        self._observed[number] = Observation(proposal.plan, score, cost, made)
        entry = {"told": number, "score": score, "cost_usd": cost / MICRO}
        self._log.append(entry if made == (score is not None) else {**entry, "made": made})
        if not made:
            self._purchases = self._after_failure()

    def _after_failure(self) -> Purchases:
        """What was bought stays; of what is computed, what others have needed with success or are about to make."""
        purchases = self.existing.copy()
        for number, proposal in self.proposals.items():
            plan, observed = proposal.plan, self._observed.get(number)
            if observed is None or observed.made:
                purchases.add(plan)
            else:
                purchases.hold_items(plan, bought_items(plan, self.space.question))
        return purchases

    def recommend(self) -> Plan:
        """The plan at the budget that is best as far as is known."""
        return self.sampler.recommend(self.state)

    def to_json(self) -> dict[str, Any]:
        """Everything that was asked and told, as plain values; `restore` reads it."""
        return {"log": list(self._log), "stopped": self.stopped}

    def restore(self, saved: Mapping[str, Any]) -> list[Proposal]:
        """Restore a search that has not begun; return all proposals. What is `pending` is to be measured again.

        Raises:
            UserError: the search has begun.
        """
        if self._log:
            raise UserError("restore: this search has begun; restore into a new one")
        for entry in saved["log"]:
            if "asked" in entry:
                cost = round(entry["cost_usd"] * MICRO)
                self.propose(plan_from_json(entry["asked"]), entry["why"], cost)
            else:
                made = entry.get("made", False)
                self.tell(entry["told"], entry["score"], entry["cost_usd"], made=made)
        self.stopped = saved["stopped"]
        return list(self.proposals.values())
