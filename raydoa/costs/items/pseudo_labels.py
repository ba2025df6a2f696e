"""Pool rows that the teacher labels."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from raydoa.costs.items.item import CostItem, gold_rows
from raydoa.costs.items.teacher import teacher_of
from raydoa.costs.plan import Plan
from raydoa.costs.unit_costs import Work
from raydoa.errors import UserError

if TYPE_CHECKING:
    from raydoa.costs.pricing import Pricing
    from raydoa.costs.question import Question
    from raydoa.costs.stage_graph import StageGraph


class PseudoLabels(CostItem):
    """The first U rows of the pool, in shards that a larger U contains."""

    name = "pseudo_labels"
    title = "pseudo-labels"
    model = "teacher"
    unit = "row"
    priced_by = "gpu_hour"
    column = "pseudo_labels"
    brings = "pool"
    in_laws = True

    def work(self, pricing: "Pricing", choices: Mapping[str, str]) -> Work | None:
        """One row through the teacher's encoder and its decoding."""
        teacher, recipes = choices.get("teacher"), pricing.recipes
        if teacher is None:
            return None
        recipe = recipes.on_labels(teacher, pricing.student)
        return pricing.work("label_sequence", teacher, recipe, recipes.labelling_batch_size)

    def limits(self, question: "Question", plan: Plan) -> tuple[int, int]:
        """From one row to all that are left beside the labels, or that are asked for.

        Raises:
            UserError: no row is left.
        """
        if plan.choice("teacher") is None:
            return 0, 0
        labels = gold_rows(plan)
        rows = question.supply.pool(labels)
        if rows < 1:
            raise UserError(
                f"u: no pool rows are left beside {labels:,} labels; lower N or give a larger pool"
            )
        return 1, min(rows, question.axes.get("u") or rows)

    def shared_as(self, plan: Plan) -> tuple[Hashable, int, int]:
        """Rows of one teacher."""
        return ("pseudo_labels", teacher_of(plan)), 0, plan.quantity(self.name)

    def add_stages(self, graph: "StageGraph", quantity: int) -> None:
        """One labelling per shard."""
        graph.paid[self.name] = shards = graph.pseudo_label(quantity)
        graph.shards += shards
