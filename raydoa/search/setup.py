"""A search for one task, complete: what is searched, by whom, for how much, and where its log is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import pool_rows
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.costs.tariffs import MICRO, micro_budget
from raydoa.errors import UserError
from raydoa.experiment.accounting import Purchases
from raydoa.experiment.cell import Cell
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.search_accounting import existing_units
from raydoa.search.ask_tell import Search
from raydoa.search.journal import LOG_FILE, Journal, read_existing, read_journal
from raydoa.search.objective import Objective
from raydoa.search.priors import Knowledge
from raydoa.search.samplers import sampler_named
from raydoa.search.space import Space


@dataclass(frozen=True)
class SearchSetup:
    """What a search needs to begin or to go on, in this process or in another.

    Attributes:
        resolved: the study, which has one task, one N and one budget; and the store that trials work with.
        sampler: a name in `raydoa.search.samplers.SAMPLERS`.
        objective: what the search is for.
        limit_usd: what all its measurements may cost, priced.
        knowledge: from finished sweeps, if there are any.
        result_dir: where its results are left.
    """

    resolved: Resolved
    sampler: str
    objective: Objective
    limit_usd: float
    knowledge: Knowledge | None
    result_dir: Path

    @property
    def task(self) -> str:
        """The task's name."""
        return self.resolved.study.sweep.grid.tasks[0]

    @property
    def seed(self) -> int:
        """Decides which rows are the labels, and the search's own draws."""
        return self.resolved.study.sweep.grid.seeds[0]

    @property
    def question(self) -> Question:
        """What is asked."""
        study = self.resolved.study
        n = study.tasks[self.task].owned(study.sweep.grid.n)[0]
        return study.question(self.task, n, seed=self.seed)

    @property
    def space(self) -> Space:
        """Everything that may be proposed."""
        return Space(self.question, self.resolved.study.sweep.grid.budgets[0])

    def check(self) -> Space:
        """Refuse a search that could not measure anything, before it has cost anything.

        Raises:
            UserError: the budget pays for no plan, the limit for no measurement, or there will be no score.
        """
        space = self.space
        least = min(map(space.cost_micro_usd, space.points()))
        if (
            not (self.limit_usd >= 0 and math.isfinite(self.limit_usd))
            or micro_budget(self.limit_usd) < least
        ):
            raise UserError(
                f"limit: found ${self.limit_usd:,.4f}; the cheapest measurement costs ${least / MICRO:,.4f}"
            )
        source = self.resolved.study.tasks[self.task]
        if source.spec.metric == "bert_ibleu" and source.scorer is None:
            raise UserError(
                f"task {self.task}: {source.spec.metric} needs a model that was not given; without scores there is "
                "nothing to search for"
            )
        return space

    def open_journal(self) -> Journal:
        """The search, restored from its log if there is one; else with what the store has already.

        The caller holds the result dir against other processes.
        """
        sampler = sampler_named(self.sampler, self.objective, self.knowledge)
        space, existing = self.space, read_existing(self.log_path)
        if existing is None:
            study, store = self.resolved.study, self.resolved.context.store
            existing = existing_units(space.points(), study, store)
        search = Search(space, sampler, self.limit_usd, self.seed, Purchases.of(existing))
        return Journal(search, self.log_path, self.about(), existing)

    @property
    def begun(self) -> bool:
        """Whether there is a log to go on from."""
        return bool(read_journal(self.log_path))

    @property
    def log_path(self) -> Path:
        """Where the log is."""
        return self.result_dir / LOG_FILE

    def about(self) -> Mapping[str, Any]:
        """What its log says at the top."""
        return {
            "sweep": self.resolved.study.sweep_id,
            "sampler": self.sampler,
            "objective": self.objective,
            "seed": self.seed,
        }


def cell_of(plan: Plan, space: Space) -> Cell:
    """The cell of a proposal: the strategy that proposes it, the budget of the search, and what tells its plan from others."""
    rows = pool_rows(plan)
    others = [(name, value) for name, value in plan.choices if name != "teacher"]
    # U says it of an item that labels all of the pool's rows.
    counts = [(i, n) for i, n in plan.quantities if ITEMS.get(i).brings != "pool" or n < rows]
    return Cell(
        task=plan.task,
        strategy=space.strategy_of(plan),
        budget=space.budget_usd,
        n=plan.n,
        u=rows or None,
        teacher=plan.choice("teacher"),
        student=plan.student,
        seed=plan.seed,
        repeat=plan.repeat,
        choices=(*others, *counts),
    )
