"""A search for one task, complete: what is searched, by whom, for how much, and where its log is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.experiment.resolve import Resolved
from raydoa.search.ask_tell import Search
from raydoa.search.cells import Cells
from raydoa.search.costs import ROUNDING_USD
from raydoa.search.holdings import Holdings
from raydoa.search.inventory import Inventory
from raydoa.search.journal import LOG_FILE, Journal, read, was_there
from raydoa.search.objective import Objective
from raydoa.search.pricing import space_of
from raydoa.search.priors import Knowledge
from raydoa.search.samplers import sampler_named
from raydoa.search.space import Space


@dataclass(frozen=True)
class SearchSetup:
    """What a search needs to begin or to go on, in this process or in another.

    Attributes:
        resolved: the study, which has one task, one N and one budget; and the store that trials work with.
        searcher: a name in `raydoa.search.samplers.SAMPLERS`.
        objective: what the search is for.
        limit_usd: what it may spend in all.
        knowledge: from finished sweeps; None: what raydoa ships.
        result_dir: where it leaves what it finds.
    """

    resolved: Resolved
    searcher: str
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
    def space(self) -> Space:
        """Everything that may be proposed."""
        grid = self.resolved.study.sweep.grid
        return space_of(self.resolved.study, self.task, grid.n[0], grid.budgets[0])

    @property
    def cells(self) -> Cells:
        """Makes cells of candidates."""
        n = self.resolved.study.sweep.grid.n[0]
        return Cells(self.resolved.study, self.task, n, self.seed)

    def check(self) -> Space:
        """Refuse a search that could not measure anything, before it has cost anything.

        Raises:
            UserError: the budget pays for no plan, the limit for no measurement, or there will be no score.
        """
        space = self.space
        costs = space.costs
        least = min(costs.items(point).total for point in space.points()) + ROUNDING_USD
        if not self.limit_usd >= least:
            raise UserError(
                f"limit: found ${self.limit_usd:,.4f}; the cheapest measurement costs ${least:,.4f}"
            )
        source = self.resolved.study.tasks[self.task]
        if source.spec.metric == "bert_ibleu" and source.scorer is None:
            raise UserError(
                f"task {self.task}: {source.spec.metric} needs a model that was not given; without scores there is "
                "nothing to search for"
            )
        return space

    def open_log(self) -> Journal:
        """The search, brought back from its log if there is one; else with what the store has already."""
        sampler = sampler_named(self.searcher, self.objective, self.knowledge)
        search = Search(self.space, sampler, self.limit_usd, self.seed, self._there())
        return Journal(search, self.log_path, self.about())

    @property
    def begun(self) -> bool:
        """Whether there is a log to go on from."""
        return bool(read(self.log_path))

    def _there(self) -> Holdings:
        """What existed before it began: as its log says, or as the store does now."""
        there = was_there(self.log_path, self.space.costs)
        if there is None:
            there = Inventory.of(self.cells, self.resolved.context.store).holdings(self.space)
        return there

    @property
    def log_path(self) -> Path:
        """Where the log is."""
        return self.result_dir / LOG_FILE

    def about(self) -> Mapping[str, Any]:
        """What its log says at the top."""
        return {
            "sweep": self.resolved.study.sweep_id,
            "searcher": self.searcher,
            "objective": self.objective,
            "seed": self.seed,
        }
