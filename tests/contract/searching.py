"""A small simulated task to search: prices, a space, scores, and trials that end in any order."""

import json
import math
import random
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from benchmarks.searching.prices import (
    TabulatedPrices,
    TeacherPrices,
    Training,
    labels_of,
    question_at,
    recipes_of,
)
from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question, Supply
from raydoa.search.ask_tell import Proposal, Search
from raydoa.search.sampler import Sampler
from raydoa.search.space import Space

BUDGET = 20.0


def question(owned: int = 50, *, people: bool = False) -> Question:
    """Two teachers, 600 rows in one file, or all but the owned ones to be labelled by people, labels at 25 cents."""
    supply = Supply(owned, 600 - owned, sale="pool") if people else Supply(600)
    teachers = (
        TeacherPrices("small", 1e6, step_usd=0.01, row_usd=0.001, student_step_usd=0.004),
        TeacherPrices("large", 1e7, step_usd=0.05, row_usd=0.004, student_step_usd=0.004),
    )
    prices = TabulatedPrices(0.25, 0.003, teachers)
    recipes = recipes_of(Training(16, 10), Training(16, 10), Training(16, 8))
    return question_at(prices, "simulated", owned, recipes, supply, shard_rows=50)


@cache
def space(budget: float = BUDGET, owned: int = 50, *, people: bool = False) -> Space:
    """Its plans for a budget; searches of one space can be compared."""
    return Space(question(owned, people=people), budget)


def score(plan: Plan) -> float:
    """Rises with everything, and more with a larger teacher."""
    labels = 1 - 0.9 * math.pow(labels_of(plan), -0.2)
    teacher = plan.choice("teacher")
    if teacher is None:
        return labels
    size = {"small": 0.03, "large": 0.06}[teacher]
    pool = 0.02 * math.log1p(plan.quantity("pseudo_labels") / 50)
    return labels + size + pool - 0.3 / plan.quantity("student")


@dataclass
class Played:
    """A search that is played through: several trials at once, in an order of chance.

    Attributes:
        search: what is asked and told.
        chance: which trial ends next.
        at_once: trials at a time.
        failing: share of trials that fail.
    """

    search: Search
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    at_once: int = 3
    failing: float = 0.0
    asked: list[Plan] = field(default_factory=list)
    pending: list[Proposal] = field(default_factory=list)

    def step(self) -> bool:
        """Ask as long as there is room, then tell one; whether anything happened."""
        while len(self.pending) < self.at_once:
            proposal = self.search.ask()
            if proposal is None:
                break
            check(self.search, proposal, self.asked)
            self.asked.append(proposal.plan)
            self.pending.append(proposal)
        if not self.pending:
            return False
        ended = self.pending.pop(self.chance.randrange(len(self.pending)))
        came_out: float | None = score(ended.plan) + self.chance.gauss(0, 0.003)
        if self.chance.random() < self.failing:
            came_out = self.chance.choice([None, math.nan])
        self.search.tell(ended.number, came_out)
        return True

    def play(self, steps: int) -> None:
        """So many steps, or to the end."""
        for _ in range(steps):
            if not self.step():
                break


def check(search: Search, proposal: Proposal, asked: list[Plan]) -> None:
    """A proposal is allowed, can be measured today, is new, and paid for."""
    assert allowed(proposal.plan, search.space.question), proposal
    assert not search.space.awaited_labels(proposal.plan), "nobody has written its labels"
    assert proposal.plan not in asked, "measured, failed or pending"
    assert search.spent_micro_usd <= search.limit_usd * 1e6


def allowed(plan: Plan, question: Question) -> bool:
    """Whether there is such a plan, at whatever price: each quantity is within its limits."""
    owning = question.owning(plan.n)
    before = plan.with_quantities(**{item: 0 for item, _ in plan.quantities})
    for item in ITEMS.names():
        least, most = owning.limits(item, before)
        if not least <= plan.quantity(item) <= most:
            return False
        before = before.with_quantities(**{item: plan.quantity(item)})
    return plan.n >= 1


def through_json(saved: dict[str, Any]) -> dict[str, Any]:
    """As it comes back from a file."""
    read: dict[str, Any] = json.loads(json.dumps(saved))
    return read


def search(sampler: Sampler, limit: float = 60.0, seed: int = 0, *, people: bool = False) -> Search:
    """A search of the small task."""
    return Search(space(people=people), sampler, limit, seed)
