"""Labels that are bought from annotators, beside the N that are owned."""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from raydoa.costs.items.item import ITEMS, CostItem
from raydoa.costs.plan import Plan
from raydoa.costs.tariffs import Tariff

if TYPE_CHECKING:
    from raydoa.costs.pricing import Pricing
    from raydoa.costs.question import Question, Supply
    from raydoa.costs.stage_graph import StageGraph


class Labels(CostItem):
    """The rows after the N owned ones, in one order: 100 owned and 900 bought are the rows of 500 and 500.

    From people they are rows of the pool instead, from its back.
    """

    name = "labels"
    title = "labels"
    unit = "label"
    priced_by = "label"
    column = "labels"
    brings = "gold"
    in_laws = True

    def tariff(self, pricing: "Pricing", choices: Mapping[str, str]) -> Tariff:
        """One label, at the book's price for the task."""
        usd = pricing.unit_costs.book.label_usd(pricing.task.name)
        return Tariff(self.name, self.unit, None, usd)

    def limits(self, question: "Question", plan: Plan) -> tuple[int, int]:
        """From none, if any are owned, to all that can be bought beside the pool rows that are asked for, or one."""
        # Whoever has a teacher needs a row to pseudo-label, and no row is both.
        pool = question.axes.get("u") or (1 if plan.choices else 0)
        return (0 if question.n else 1), question.supply.to_buy(question.n, pool)

    def shared_as(self, plan: Plan) -> tuple[Hashable, int, int]:
        """Rows of the seed's order."""
        return ("labels", plan.task, plan.seed), plan.n, plan.n + plan.quantity(self.name)

    def add_stages(self, graph: "StageGraph", quantity: int) -> None:
        """Nothing is made: whoever learns from labels has more of them."""
        graph.labels += quantity


def awaited_labels(plan: Plan, supply: "Supply") -> int:
    """Labels that a plan buys of people, which must be there before it can be measured."""
    return plan.quantity(Labels.name) if supply.sale == "pool" else 0


def ordered_gold_rows(plan: Plan) -> int:
    """Gold rows that are the front of the seed's order, owned and bought."""
    return plan.n + plan.quantity(Labels.name)


def gold_of(plan: Plan) -> Hashable:
    """What tells the gold rows of one plan from those of another: how many of the order, and of each other item."""
    others = [item.name for item in ITEMS if item.brings == "gold" and item.name != Labels.name]
    return ordered_gold_rows(plan), *((name, plan.quantity(name)) for name in others)


def where_owned(plan: Plan, n: int) -> Plan:
    """A plan with the same gold rows where ``n`` of them are owned, or all if there are fewer; the rest is bought."""
    rows = ordered_gold_rows(plan)
    bought = {Labels.name: max(0, rows - n)}
    return replace(plan, n=min(rows, n)).with_quantities(**bought)
