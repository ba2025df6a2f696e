"""The allocations that a budget can pay, and the cheap ones that tell about them.

The simplex of fractions, in whole quantities: how many labels are bought, which teacher, how many pool rows, and how
long the student trains. `annotate` is its face without a teacher, `distill` the one without bought labels, and
`mixed` everything between. Quantities are laid on ladders, so that neighbours share teachers and shards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from raydoa.errors import UserError
from raydoa.search.costs import Costs, Point

_EPOCH_SHARES = (1.0, 0.5, 0.25)
_PURCHASES = 12


@dataclass(frozen=True)
class Space:
    """All that a search may propose for one task.

    Attributes:
        costs: prices and schedules.
        budget_usd: B, what the final plan may cost.
        least_u: pool rows of the smallest probe.
    """

    costs: Costs
    budget_usd: float
    least_u: int = 100

    def cheapest(self) -> tuple[Point, float]:
        """The plan that needs the least money, and how much."""
        plans = [
            Point(self.costs.owned, "", 0, self.costs.full_steps(self.costs.owned, "", 0)),
            *(
                Point(self.costs.owned, teacher.name, u, self.costs.one_epoch(self.costs.owned, u))
                for teacher in self.costs.teachers
                for u in [min(self.least_u, self.costs.supply.u)]
            ),
        ]
        allowed = [plan for plan in plans if self.costs.allowed(plan)]
        best = min(allowed, key=lambda plan: self.costs.items(plan).total)
        return best, self.costs.items(best).total

    def plans(self, budget_usd: float | None = None) -> list[Point]:
        """Allocations that own all N labels and cost at most the budget; sorted, each once.

        Raises:
            UserError: there is none; the line says what the cheapest costs.
        """
        budget = self.budget_usd if budget_usd is None else budget_usd
        found = list(_plans(self, budget))
        if not found:
            plan, usd = self.cheapest()
            what = f"{plan.teacher}, U = {plan.u:,}" if plan.teacher else "annotate without labels"
            raise UserError(
                f"budget: found ${budget:,.2f}; the cheapest plan ({what}) costs ${usd:,.4f}"
            )
        return found

    def probes(self, most_usd: float) -> list[Point]:
        """Allocations on fewer labels or a smaller pool that cost at most so much from nothing."""
        owned = self.costs.owned
        labels = sorted({max(1, owned // 2**halvings) for halvings in range(4)})
        found: set[Point] = set()
        for count in labels:
            found.add(Point(count, "", 0, self.costs.full_steps(count, "", 0)))
            for teacher in self.costs.teachers:
                for u in self.pools():
                    found.add(Point(count, teacher.name, u, self._full(count, teacher.name, u)))
        return sorted(
            p for p in found if self.costs.allowed(p) and self.costs.items(p).total <= most_usd
        )

    def points(self) -> list[Point]:
        """Everything that may be measured: the plans and the probes that the budget pays for, each once."""
        return list(dict.fromkeys([*self.plans(), *self.probes(self.budget_usd)]))

    def pools(self) -> list[int]:
        """The ladder of U: doubling, nested, and the whole pool."""
        most = min(self.costs.supply.u, self.costs.supply.together - 1)
        ladder = []
        u = min(self.least_u, most)
        while 0 < u < most:
            ladder.append(u)
            u *= 2
        return [*ladder, most] if most > 0 else []

    def purchases(self, budget: float) -> list[int]:
        """The ladder of labels, from N to what the budget buys."""
        owned, supply = self.costs.owned, self.costs.supply
        most = min(int(budget / self.costs.label_usd), supply.labels - owned)
        if most < 1:
            return [owned]
        steps = np.unique(np.round(most * np.linspace(0, 1, _PURCHASES) ** 1.5).astype(int))
        return [owned + int(step) for step in steps]

    def payable(self, budget: float) -> Iterator[Point]:
        """What `plans` lists, in no order, some twice."""
        yield from self._annotate(budget)
        yield from self._with_teachers(budget)

    def _annotate(self, budget: float) -> Iterator[Point]:
        """With as many labels as the budget buys, and some smaller purchases."""
        for labels in {*self.purchases(budget), self._most_labels(budget)}:
            point = Point(labels, "", 0, self.costs.full_steps(labels, "", 0))
            if self._payable(point, budget):
                yield point

    def _most_labels(self, budget: float) -> int:
        """What annotation alone can buy, its student's training paid."""
        low, high = self.costs.owned, self.purchases(budget)[-1]
        while low < high:
            middle = (low + high + 1) // 2
            point = Point(middle, "", 0, self.costs.full_steps(middle, "", 0))
            low, high = (middle, high) if self._payable(point, budget) else (low, middle - 1)
        return low

    def _with_teachers(self, budget: float) -> Iterator[Point]:
        for teacher in self.costs.teachers:
            for labels in self.purchases(budget):
                for u in {*self.pools(), *self._most_u(labels, teacher.name, budget)}:
                    for steps in self._steps(labels, teacher.name, u, budget):
                        point = Point(labels, teacher.name, u, steps)
                        if self._payable(point, budget):
                            yield point

    def _most_u(self, labels: int, teacher: str, budget: float) -> Sequence[int]:
        """The largest pools whose rows and students the rest of the budget pays, by epochs of the student."""
        most = self.pools()[-1] if self.pools() else 0
        found = []
        for share in _EPOCH_SHARES:
            low, high = 0, most
            while low < high:
                middle = (low + high + 1) // 2
                steps = round(share * self._full(labels, teacher, middle))
                payable = self._payable(Point(labels, teacher, middle, steps), budget)
                low, high = (middle, high) if payable else (low, middle - 1)
            if low > 0:
                found.append(low)
        return found

    def _steps(self, labels: int, teacher: str, u: int, budget: float) -> set[int]:
        """Shares of the recipe's epochs, and the most that the rest of the budget pays."""
        full, least = self._full(labels, teacher, u), self.costs.one_epoch(labels, u)
        without = self.costs.items(Point(labels, teacher, u, 0)).total
        rest = (budget - without) / self.costs.by_name[teacher].student_step_usd
        wanted = {round(share * full) for share in _EPOCH_SHARES}
        return {max(least, steps) for steps in {*wanted, min(full, int(rest))} if steps > 0}

    def _full(self, labels: int, teacher: str, u: int) -> int:
        return self.costs.full_steps(labels, teacher, u)

    def _payable(self, point: Point, budget: float) -> bool:
        return self.costs.allowed(point) and self.costs.items(point).total <= budget


@lru_cache(maxsize=64)
def _plans(space: Space, budget: float) -> tuple[Point, ...]:
    """A search asks for the same plans at every step."""
    return tuple(sorted(set(space.payable(budget))))
