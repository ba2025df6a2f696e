"""The interface of a cost item: one line of a ledger."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from raydoa.costs.tariffs import Tariff

if TYPE_CHECKING:
    from raydoa.costs.plan import Plan
    from raydoa.costs.pricing import Pricing
    from raydoa.costs.question import Question
    from raydoa.costs.stage_graph import StageGraph


class CostItem(ABC):
    """Something that a plan has a whole quantity of, and pays for.

    Attributes:
        name: as in the columns ``cost_<name>``, ``fraction_<name>``, ``gpu_seconds_<name>``.
        title: what people call it, such as "teacher's fine-tuning".
        unit: what is counted, in the singular.
        priced_by: the price that it moves with: ``gpu_hour``, ``label``, or its own name.
        column: the column of its quantity in a result row.
    """

    name: str
    title: str
    unit: str
    priced_by: str

    @property
    def column(self) -> str:
        """Of its quantity."""
        return f"quantity_{self.name}"

    @abstractmethod
    def tariff(self, pricing: "Pricing", choices: Mapping[str, str]) -> Tariff:
        """What a unit costs under a plan's choices.

        Raises:
            UserError: its price is not known; it is never taken as zero.
        """

    @abstractmethod
    def limits(self, question: "Question", plan: "Plan") -> tuple[int, int]:
        """The least without which there is no plan, and the most that makes sense.

        ``plan`` has the quantities of all items registered before this one. Both are 0 where plans of these choices
        have none of it.
        """

    @abstractmethod
    def shared_as(self, plan: "Plan") -> tuple[Hashable, int, int]:
        """What is bought, and which of its units, from one up to but without another.

        Two plans that have units of the same thing pay for those once.
        """

    def pool_rows(self, plan: "Plan") -> int:
        """Pool rows that the student learns from because this was bought; none unless overridden."""
        return 0

    @abstractmethod
    def add_stages(self, graph: "StageGraph", quantity: int) -> None:
        """Add the stages that the quantity pays for; items add theirs in the order of their registration.

        What it pays for, ``graph.paid[self.name]``, is one stage, or shards of pool rows: other stages cannot be
        paid in parts. An item that buys rows instead changes what later stages read, and pays for none.
        """
