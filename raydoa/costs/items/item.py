"""The interface of a cost item: one line of a ledger."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Literal

from raydoa.costs.plan import Plan
from raydoa.costs.tariffs import Tariff
from raydoa.costs.unit_costs import Work
from raydoa.plugins import Registry

if TYPE_CHECKING:
    from raydoa.costs.pricing import Pricing
    from raydoa.costs.question import Question
    from raydoa.costs.stage_graph import StageGraph


class CostItem(ABC):
    """Something that a plan has a whole quantity of, and pays for.

    Attributes:
        name: as in the columns ``cost_<name>``, ``fraction_<name>``, ``gpu_seconds_<name>``.
        title: what people call it, such as "teacher's fine-tuning".
        model: the column of a row that names the model whose work it is; None where it is no model's.
        unit: what is counted, in the singular.
        priced_by: the price that it moves with: ``gpu_hour``, ``label``, or its own name.
        column: the column of its quantity in a result row.
        brings: what a unit is that models learn from: a ``gold`` row, as the owned ones are, or a ``pool`` row that is
            labelled; None where it is no row, but a step of a training, say.
        joins_gold: whether whoever learns from its pool rows learns from all gold rows as well.
        in_laws: whether the laws of scores (`raydoa.search.surrogate.laws`) say what its units are worth; plans that have
            others are of a kind of their own.
    """

    name: str
    title: str
    model: str | None = None
    unit: str
    priced_by: str
    brings: Literal["gold", "pool"] | None = None
    joins_gold: bool = False
    in_laws: bool = False

    @property
    def column(self) -> str:
        """Of its quantity."""
        return f"quantity_{self.name}"

    def work(self, pricing: "Pricing", choices: Mapping[str, str]) -> Work | None:
        """The computing of a unit under a plan's choices; None if it is bought, or plans of these choices have none."""
        return None

    def tariff(self, pricing: "Pricing", choices: Mapping[str, str]) -> Tariff:
        """What a unit costs under a plan's choices: its computing, unless overridden.

        Raises:
            UserError: its price is not known; it is never taken as zero.
        """
        work = self.work(pricing, choices)
        assert work is not None, f"{self.name}: neither work nor a tariff under {choices}"
        return pricing.compute(self.name, work)

    @abstractmethod
    def limits(self, question: "Question", plan: Plan) -> tuple[int, int]:
        """The least without which there is no plan, and the most that makes sense.

        ``plan`` has the quantities of all items registered before this one. Both are 0 where plans of these choices
        have none of it.
        """

    def learner(self, plan: Plan) -> Literal["student", "teacher"]:
        """Who learns from the pool rows that it labels: the student, unless overridden."""
        return "student"

    @abstractmethod
    def shared_as(self, plan: Plan) -> tuple[Hashable, int, int]:
        """What is bought, and which of its units, from one up to but without another.

        Two plans that have units of the same thing pay for those once.
        """

    @abstractmethod
    def add_stages(self, graph: "StageGraph", quantity: int) -> None:
        """Add the stages that the quantity pays for; items add theirs in the order of their registration.

        What it pays for, ``graph.paid[self.name]``, is one stage, or shards of pool rows: other stages cannot be
        paid in parts. An item that buys rows instead changes what later stages read, and pays for none.
        """


ITEMS: Registry[CostItem] = Registry("cost item")


def gold_rows(plan: Plan) -> int:
    """Labelled rows that a plan learns from, owned and bought."""
    return plan.n + sum(plan.quantity(item.name) for item in ITEMS if item.brings == "gold")


def pool_rows(plan: Plan) -> int:
    """Pool rows that are labelled for a plan's student, by whomever."""
    return sum(plan.quantity(item.name) for item in _labelling(plan, "student"))


def teacher_rows(plan: Plan) -> int:
    """Rows that a plan's teacher learns from: gold ones, and pool rows that are labelled for it."""
    return gold_rows(plan) + sum(plan.quantity(item.name) for item in _labelling(plan, "teacher"))


def gold_joins(plan: Plan) -> bool:
    """Whether a student that learns from pool rows learns from all gold rows as well: if any were bought, or those want it."""
    return gold_rows(plan) > plan.n or any(item.joins_gold for item in _labelling(plan, "student"))


def _labelling(plan: Plan, learner: str) -> list[CostItem]:
    """The items of a plan that label pool rows for the student or the teacher."""
    there = (item for item in ITEMS if item.brings == "pool" and plan.quantity(item.name))
    return [item for item in there if item.learner(plan) == learner]
