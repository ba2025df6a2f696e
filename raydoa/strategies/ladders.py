"""The quantities that a search lays plans on, so that neighbours share teachers and shards."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.costs.tariffs import NO_LIMIT, largest, micro_budget
from raydoa.strategies.labels_alone import paid_labels

_EPOCH_SHARES = (1.0, 0.5, 0.25)
_PURCHASES = 12
_HALVINGS = 4
_UNCOUNTED = 1_000_000
"""Pool rows of a task that cannot be counted: enough for whatever is priced without them."""


@dataclass(frozen=True, eq=False)
class Ladders:
    """Rungs of labels, pool rows and student steps for one question and budget.

    Attributes:
        question: what is asked; its ``axes`` are left open.
        budget_usd: what a plan may cost.
    """

    question: Question
    budget_usd: float

    @cached_property
    def budget_micro_usd(self) -> int:
        """The budget in whole micro-dollars."""
        return micro_budget(self.budget_usd)

    def affordable(self, plan: Plan) -> bool:
        """Whether the budget pays for a plan."""
        return self.question.cost_micro_usd(plan) <= self.budget_micro_usd

    @cached_property
    def purchases(self) -> list[int]:
        """Labels to buy: none, and up to all that the budget pays for and there are, denser where they are few."""
        question = self.question
        there = question.supply.to_buy(question.n, 0)
        most = min(question.tariff("labels", ()).affordable(self.budget_micro_usd), there)
        if most > NO_LIMIT // 2:
            # Of free labels without end there are as many as training on them is paid for; a teacher's costs far more.
            paid_for = paid_labels(question, self.budget_micro_usd)
            rungs = np.geomspace(1, max(1, paid_for), _PURCHASES).round().astype(np.int64)
            return [0, *map(int, np.unique(rungs))]
        if most < 1:
            return [0]
        steps = np.unique(np.round(most * np.linspace(0, 1, _PURCHASES) ** 1.5).astype(np.int64))
        return [int(step) for step in steps]

    @cached_property
    def owned(self) -> list[int]:
        """N, and a half, a quarter and an eighth of it: probes learn from so many of the owned labels."""
        n = self.question.n
        return sorted({max(1, n // 2**halvings) for halvings in range(_HALVINGS)})

    @cached_property
    def pools(self) -> list[int]:
        """Pool rows: doubling, in whole shards, up to all that one label leaves; of less than a shard, all that N leave,
        and half of that."""
        most, least = self.question.supply.pool(1), self.question.shard_rows
        if most == NO_LIMIT:
            most = _UNCOUNTED
        if most < least:
            most = self.question.supply.pool(self.question.n)
            return sorted({max(1, most // 2), most}) if most > 0 else []
        rungs, rows = set(), least
        while rows < most:
            rungs.add(rows)
            rows *= 2
        return sorted({*rungs, most - most % least})

    def largest_pools(self, plan_of: Callable[[int, float], Plan | None]) -> Iterator[int]:
        """The largest pools that the budget pays for, by shares of the student's epochs, in whole shards.

        ``plan_of`` makes a plan of pool rows and a share of the epochs; None where there are no such rows.
        """
        shard = self.question.shard_rows
        for share in _EPOCH_SHARES:

            def affordable(shards: int, share: float = share) -> bool:
                plan = plan_of(shards * shard, share)
                return plan is not None and self.affordable(plan)

            most = self.pools[-1] // shard if self.pools else 0
            # Large budgets pay for all of them.
            shards = most if most and affordable(most) else largest(0, most, affordable)
            if shards:
                yield shards * shard

    def steps(self, plan: Plan) -> set[int]:
        """Student steps for a plan that has everything else: shares of the epochs, and the most that is paid for."""
        least, full = self.question.limits("student", plan)
        left = self.budget_micro_usd - self.question.cost_micro_usd(plan)
        most = self.question.tariff("student", plan.choices).affordable(left)
        wanted = {*(round(share * full) for share in _EPOCH_SHARES), min(full, most)}
        return {max(least, steps) for steps in wanted if steps > 0}
