"""A small simulated task to search: prices, a space, scores, and trials that end in any order."""

import json
import math
import random
from dataclasses import dataclass, field
from typing import Any

from raydoa.search.ask_tell import Proposal, Sampler, Search
from raydoa.search.costs import Costs, Point, Supply, TeacherPrices
from raydoa.search.holdings import Candidate
from raydoa.search.space import Space

BUDGET = 20.0


@dataclass(frozen=True)
class Epochs:
    """A schedule."""

    epochs: int
    batch_size: int = 16


def space(budget: float = BUDGET, owned: int = 50) -> Space:
    """Two teachers, 600 rows in one file, labels at 25 cents."""
    teachers = (
        TeacherPrices("small", 1e6, step_usd=0.01, row_usd=0.001, student_step_usd=0.004),
        TeacherPrices("large", 1e7, step_usd=0.05, row_usd=0.004, student_step_usd=0.004),
    )
    costs = Costs(
        owned=owned,
        label_usd=0.25,
        student_step_usd=0.003,
        teachers=teachers,
        supply=Supply(600, 600, 600),
        of_teacher=Epochs(10),
        on_labels=Epochs(10),
        on_soft_labels=Epochs(8),
    )
    return Space(costs, budget, least_u=50)


def score(point: Point) -> float:
    """Rises with everything, and more with a larger teacher."""
    labels = 1 - 0.9 * math.pow(point.labels, -0.2)
    if not point.teacher:
        return labels
    size = {"small": 0.03, "large": 0.06}[point.teacher]
    return labels + size + 0.02 * math.log1p(point.u / 50) - 0.3 / point.student_steps


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
    asked: list[Candidate] = field(default_factory=list)
    pending: list[Proposal] = field(default_factory=list)

    def step(self) -> bool:
        """Ask as long as there is room, then tell one; whether anything happened."""
        while len(self.pending) < self.at_once:
            proposal = self.search.ask()
            if proposal is None:
                break
            check(self.search, proposal, self.asked)
            self.asked.append(proposal.candidate)
            self.pending.append(proposal)
        if not self.pending:
            return False
        ended = self.pending.pop(self.chance.randrange(len(self.pending)))
        came_out: float | None = score(ended.candidate.point) + self.chance.gauss(0, 0.003)
        if self.chance.random() < self.failing:
            came_out = self.chance.choice([None, math.nan])
        self.search.tell(ended.number, came_out)
        return True

    def play(self, steps: int) -> None:
        """So many steps, or to the end."""
        for _ in range(steps):
            if not self.step():
                break


def check(search: Search, proposal: Proposal, asked: list[Candidate]) -> None:
    """A proposal is allowed, new, and paid for."""
    assert search.space.costs.allowed(proposal.candidate.point), proposal
    assert proposal.candidate not in asked, "measured, failed or pending"
    assert search.spent_usd <= search.limit_usd * (1 + 1e-9)


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    """As it comes back from a file."""
    read: dict[str, Any] = json.loads(json.dumps(state))
    return read


def search(sampler: Sampler, limit: float = 60.0, seed: int = 0) -> Search:
    """A search of the small task."""
    return Search(space(), sampler, limit, seed)
