"""The interface of a sampler: what it may decide by, and what it decides."""

from dataclasses import dataclass
from typing import Protocol

from raydoa.costs.plan import Plan
from raydoa.costs.tariffs import MICRO
from raydoa.experiment.accounting import Purchases
from raydoa.search.space import Space


@dataclass(frozen=True)
class Observation:
    """What came out.

    Attributes:
        plan: what was measured.
        score: None if there is none.
        cost_micro_usd: what it took on top of what existed.
        made: whether what it needs exists by now; without a score, it was stopped and did not fail.
    """

    plan: Plan
    score: float | None
    cost_micro_usd: int
    made: bool = True

    @property
    def cost_usd(self) -> float:
        """The same in dollars."""
        return self.cost_micro_usd / MICRO


@dataclass(frozen=True)
class SearchState:
    """Everything that a sampler may decide by.

    Attributes:
        space: what can be proposed.
        observations: what came out, in the order of telling.
        pending: what was proposed and has not come out yet; what it makes is sunk.
        purchases: what exists or is on its way.
        left_micro_usd: what may still be spent.
        seed: of the search; a sampler that draws takes how much is known beside it.
    """

    space: Space
    observations: tuple[Observation, ...]
    pending: tuple[Plan, ...]
    purchases: Purchases
    left_micro_usd: int
    seed: int

    @property
    def left_usd(self) -> float:
        """What may still be spent, in dollars."""
        return self.left_micro_usd / MICRO

    @property
    def tried(self) -> frozenset[Plan]:
        """What was measured, has failed or is pending: none of it is suggested again."""
        return frozenset({*(observation.plan for observation in self.observations), *self.pending})

    def marginal_micro_usd(self, plan: Plan) -> int:
        """What measuring a plan costs on top of what exists."""
        return self.purchases.marginal_micro_usd(plan, self.space.question)

    def marginal_usd(self, plan: Plan) -> float:
        """The same in dollars."""
        return self.marginal_micro_usd(plan) / MICRO

    def affordable(self, plan: Plan) -> bool:
        """Whether what is left pays for a plan."""
        return self.marginal_micro_usd(plan) <= self.left_micro_usd


@dataclass(frozen=True)
class Suggestion:
    """What to measure next; no plan and a reason to stop; or no plan for now, while others are pending."""

    plan: Plan | None = None
    why: str = ""
    stop: bool = False


class Sampler(Protocol):
    """Decides. It keeps nothing that a `SearchState` does not tell: a search that is restored goes on the same."""

    def suggest(self, state: SearchState) -> Suggestion:
        """What to measure next; never a plan that was tried, awaits labels, or costs more than what is left."""
        ...

    def recommend(self, state: SearchState) -> Plan:
        """The plan at the space's budget that is best as far as is known."""
        ...
