"""Pool rows that an LLM labels, paid by the token."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Literal

from raydoa.costs.items.item import CostItem, gold_rows
from raydoa.costs.plan import Plan
from raydoa.costs.tariffs import Tariff

if TYPE_CHECKING:
    from raydoa.costs.pricing import Pricing
    from raydoa.costs.question import Question
    from raydoa.costs.stage_graph import StageGraph


class LlmLabels(CostItem):
    """The first rows of the pool, in an order that no seed decides: what one seed has bought, others have.

    The choice ``llm_for`` says who learns from them: the student, with all labels that are owned, or the teacher.
    """

    name = "llm_labels"
    title = "LLM's labels"
    unit = "row"
    priced_by = "llm_labels"
    column = "llm_labels"
    brings = "pool"
    joins_gold = True

    def tariff(self, pricing: "Pricing", choices: Mapping[str, str]) -> Tariff:
        """The most that a row may cost: a plan is feasible at that, and what settling frees is unspent."""
        return pricing.llm_rows[choices["llm"], int(choices["shots"])]

    def limits(self, question: "Question", plan: Plan) -> tuple[int, int]:
        """From one row to all that are left beside the labels, or that are asked for."""
        if plan.choice("llm") is None:
            return 0, 0
        rows = question.supply.pool(gold_rows(plan))
        axis = "llm_rows" if self.learner(plan) == "teacher" else "u"
        return min(1, rows), min(rows, question.axes.get(axis) or rows)

    def learner(self, plan: Plan) -> Literal["student", "teacher"]:
        """See `CostItem.learner`."""
        return "teacher" if plan.choice("llm_for") == "teacher" else "student"

    def shared_as(self, plan: Plan) -> tuple[Hashable, int, int]:
        """Rows of one LLM's, asked in the same words."""
        # Shots are drawn from the rows that a seed owns.
        asked = (plan.seed, plan.n) if plan.choice("shots") != "0" else None
        thing = ("llm_labels", plan.task, plan.choice("llm"), plan.choice("shots"), asked)
        return thing, 0, plan.quantity(self.name)

    def add_stages(self, graph: "StageGraph", quantity: int) -> None:
        """One labelling a shard, behind a pilot on owned rows."""
        shards = graph.ask_llm(quantity)
        graph.paid[self.name] = shards
        if self.learner(graph.plan) == "teacher":
            graph.written += shards
        else:
            graph.shards += shards
