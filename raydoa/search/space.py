"""The plans that a budget can pay for, and the cheap ones that tell about them.

Every registered strategy proposes plans of its own, in whole quantities on ladders, so that neighbours share teachers
and shards (`raydoa.strategies`). A space is all of them for one question. What may be recommended and what can be measured
today differ where people are still to write the labels that a plan buys.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from raydoa.costs.allocation import from_fractions
from raydoa.costs.items.item import gold_rows
from raydoa.costs.items.labels import awaited_labels
from raydoa.costs.plan import Choices, Plan
from raydoa.costs.question import Question
from raydoa.costs.reasons import endless
from raydoa.costs.tariffs import MICRO, NO_LIMIT, micro_budget
from raydoa.errors import UserError
from raydoa.experiment.result_row import plan_columns
from raydoa.search.objective import Objective
from raydoa.strategies import STRATEGIES
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.strategy import Strategy


class Variant(NamedTuple):
    """A strategy, and what it chooses by name."""

    strategy: str
    choices: Choices


def variants(ladders: Ladders) -> dict[Variant, Plan]:
    """All variants that there are rows for, with the plan of each that takes the least money, whatever the budget."""
    return {
        Variant(strategy.name, plan.choices): plan
        for strategy in STRATEGIES
        for plan in strategy.cheapest(ladders)
    }


@dataclass(frozen=True, eq=False)
class Space:
    """All that a search may recommend, and what of it may be measured.

    Args:
        question: what is asked; its ``axes`` are left open.
        budget_usd: B, what the final plan may cost.

    Raises:
        UserError: N is above the labelled rows, or nothing is owned; or what is free has no end.
    """

    question: Question
    budget_usd: float
    # What is kept: a search asks for the same plans and their costs at every step.
    _plans: dict[float, list[Plan]] = field(default_factory=dict, init=False, repr=False)
    _strategies: dict[Plan, str] = field(default_factory=dict, init=False, repr=False)
    _costs: dict[Plan, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        question, most = self.question, self.question.supply.existing.labels(0)
        if not 1 <= question.n <= most:
            raise UserError(
                f"n: found {question.n:,}; task {question.task} has {most:,} labelled rows, and at least 1 is owned"
            )
        if most == NO_LIMIT and self._has_no_end():
            raise endless(question)

    def _has_no_end(self) -> bool:
        """Whether the budget pays for any number of labels and for training on them."""
        dearest = from_fractions({}, {}, self.question, self.budget_usd)
        return isinstance(dearest, Plan) and gold_rows(dearest) > NO_LIMIT // 2

    @cached_property
    def variants(self) -> dict[Variant, Plan]:
        """See `variants`."""
        return variants(self.ladders)

    def cheapest(self) -> Plan:
        """The plan that needs the least money, whatever the budget."""
        return min(self.variants.values(), key=self.cost_micro_usd)

    def plans(self, budget_usd: float | None = None) -> list[Plan]:
        """Plans that own all N labels and cost at most the budget; sorted, each once.

        Raises:
            UserError: there is none; the line says what the cheapest costs.
        """
        budget = self.budget_usd if budget_usd is None else budget_usd
        plans = self._within(budget)
        if not plans:
            variant = min(self.variants, key=lambda v: self.cost_micro_usd(self.variants[v]))
            cheapest = self.variants[variant]
            in_short = (
                STRATEGIES.get(variant.strategy).order(plan_columns(cheapest))
                if cheapest.choices or gold_rows(cheapest) > cheapest.n
                else f"{variant.strategy} without labels"
            )
            raise UserError(
                f"budget: found ${budget:,.2f}; the cheapest plan ({in_short}) costs ${self.cost_usd(cheapest):,.4f}"
            )
        return plans

    def level(self, share: float, objective: Objective) -> list[Plan]:
        """Plans of a share of the budget, or of the kgCO2e of the plan that emits most; a small one may have none."""
        if objective != "frontier_kgco2e":
            return self._within(share * self.budget_usd)
        # On one accelerator kgCO2e are proportional to GPU-seconds.
        seconds = {plan: self.question.gpu_seconds(plan) for plan in self.plans()}
        most = share * max(seconds.values())
        return [plan for plan, of_plan in seconds.items() if of_plan <= most]

    def strategy_of(self, plan: Plan) -> str:
        """The name of the strategy that proposes a plan, or a probe."""
        plan = plan.repeated(0)
        if plan not in self._strategies:
            self.points()
        return self._strategies[plan]

    def variant_of(self, plan: Plan) -> Variant:
        """The variant that a plan is of."""
        return Variant(self.strategy_of(plan), plan.choices)

    def awaited_labels(self, plan: Plan) -> int:
        """Labels that people are to write before a plan can be measured; 0 for a plan that can be today."""
        return awaited_labels(plan, self.question.supply)

    def measurable_plans(self) -> list[Plan]:
        """Those of `plans` for the budget that can be measured today."""
        return [plan for plan in self.plans() if not self.awaited_labels(plan)]

    @cached_property
    def measurable_question(self) -> Question:
        """The question where only labels that exist are for sale."""
        return replace(self.question, supply=self.question.supply.existing)

    @cached_property
    def short_of_labels(self) -> dict[str, str]:
        """Strategies that the budget pays more labels for than there are, by name, with the reason."""
        short = {s.name: s.short_of_labels(self.question, self.budget_usd) for s in STRATEGIES}
        return {name: why for name, why in short.items() if why is not None}

    def probes(self, most_usd: float) -> list[Plan]:
        """Plans on fewer labels or a smaller pool that cost at most so much from nothing; sorted, each once."""
        most = micro_budget(most_usd)
        return [plan for plan in self._probes if self.cost_micro_usd(plan) <= most]

    def points(self) -> list[Plan]:
        """Everything that may be measured: the plans and the probes that the budget pays for, each once."""
        return list(dict.fromkeys([*self.measurable_plans(), *self.probes(self.budget_usd)]))

    def cost_micro_usd(self, plan: Plan) -> int:
        """What a plan costs if nothing of it exists, in whole micro-dollars."""
        cost = self._costs.get(plan)
        if cost is None:
            cost = self._costs[plan] = self.question.cost_micro_usd(plan)
        return cost

    def cost_usd(self, plan: Plan) -> float:
        """The same in dollars."""
        return self.cost_micro_usd(plan) / MICRO

    def _within(self, budget_usd: float) -> list[Plan]:
        if budget_usd not in self._plans:
            ladders = Ladders(self.question, budget_usd)
            proposed = ((s, plan) for s in STRATEGIES for plan in s.proposals(ladders))
            self._plans[budget_usd] = self._noted(proposed)
        return list(self._plans[budget_usd])

    @cached_property
    def _probes(self) -> list[Plan]:
        proposed = ((s, plan) for s in STRATEGIES for plan in s.probes(self.ladders))
        return [plan for plan in self._noted(proposed) if not self.awaited_labels(plan)]

    def _noted(self, proposed: Iterable[tuple[Strategy, Plan]]) -> list[Plan]:
        """The plans, each once, in order; it is remembered which strategy was the first to propose each."""
        plans: dict[Plan, str] = {}
        for strategy, plan in proposed:
            plans.setdefault(plan, strategy.name)
        self._strategies.update(plans | self._strategies)
        return sorted(plans, key=_order)

    @cached_property
    def ladders(self) -> Ladders:
        """The quantities that plans of the budget are laid on."""
        return Ladders(self.question, self.budget_usd)


def _order(plan: Plan) -> tuple[object, ...]:
    return plan.n, plan.choices, plan.quantities
