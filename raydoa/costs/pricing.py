"""From unit costs and a price book to tariffs, for one task and student."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Choices
from raydoa.costs.schedules import Recipes, in_format_of
from raydoa.costs.tariffs import Tariff, compute_tariff
from raydoa.costs.unit_costs import Operation, UnitCosts, Work
from raydoa.tasks.task import TaskSpec
from raydoa.training.recipe import Recipe


@dataclass(frozen=True)
class Pricing:
    """Tariffs of one task and student at the prices of a book."""

    task: TaskSpec
    student: str
    recipes: Recipes
    unit_costs: UnitCosts
    llm_rows: Mapping[tuple[str, int], Tariff] = field(default_factory=dict)
    """What an LLM's label of a row costs, with so many shots."""

    def tariff(self, item: str, choices: Choices) -> Tariff:
        """The tariff of a cost item under some choices.

        Raises:
            UserError: a model of unknown size, or a price that the book does not have.
        """
        tariff = self._tariffs.get((item, choices))
        if tariff is None:
            tariff = self._tariffs[item, choices] = ITEMS.get(item).tariff(self, dict(choices))
        return tariff

    @cached_property
    def _tariffs(self) -> dict[tuple[str, Choices], Tariff]:
        """Those that were asked for: a search asks thousands of times for the same few."""
        return {}

    def work(
        self,
        operation: Operation,
        model: str,
        recipe: Recipe,
        rows: int | None = None,
        teacher: str | None = None,
    ) -> Work:
        """A unit of computing at the task's lengths; over the recipe's batch, unless another number of rows is given."""
        lengths = self.task.source_length, self.task.target_length
        return Work(
            operation,
            model,
            rows or recipe.batch_size,
            *lengths,
            teacher,
            in_format_of(model, recipe),
        )

    def compute(self, item: str, work: Work) -> Tariff:
        """The tariff of a unit of computing, at the price of a GPU-hour."""
        costs = self.unit_costs
        unit = costs.lookup(work)
        price = costs.book.gpu_hour_usd(costs.accelerator)
        return compute_tariff(item, work.operation, unit.gpu_seconds, price, unit.basis)
