"""The student's training: on soft labels if there are any, else on labels."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from raydoa.costs.items.item import CostItem
from raydoa.costs.schedules import one_epoch, steps_for
from raydoa.costs.tariffs import Tariff
from raydoa.costs.unit_costs import Operation

if TYPE_CHECKING:
    from raydoa.costs.plan import Plan
    from raydoa.costs.pricing import Pricing
    from raydoa.costs.question import Question
    from raydoa.costs.stage_graph import StageGraph


class Student(CostItem):
    """Optimiser steps of the model that is shipped."""

    name = "student"
    title = "student's training"
    unit = "step"
    priced_by = "gpu_hour"
    column = "student_steps"

    def tariff(self, pricing: "Pricing", choices: Mapping[str, str]) -> Tariff:
        """One step over the global batch; on soft labels the teacher's head is multiplied as well."""
        teacher, recipes = choices.get("teacher"), pricing.recipes
        recipe = recipes.student_on_soft_labels if choices else recipes.student_on_labels
        operation: Operation = "train_step" if teacher is None else "distill_step"
        return pricing.compute(self.name, operation, pricing.student, recipe.batch_size, teacher)

    def limits(self, question: "Question", plan: "Plan") -> tuple[int, int]:
        """On labels alone the recipe's epochs are paid in full; on soft labels from one epoch up to those."""
        rows = student_rows(plan)
        if not rows:
            labels = plan.n + plan.quantity("labels")
            steps = steps_for(question.recipes.student_on_labels, labels)
            return steps, steps
        schedule = question.recipes.student_on_soft_labels
        return one_epoch(schedule, rows), steps_for(schedule, rows)

    def shared_as(self, plan: "Plan") -> tuple[Hashable, int, int]:
        """One training, which is the plan's alone."""
        return ("student", plan), 0, plan.quantity(self.name)

    def add_stages(self, graph: "StageGraph", quantity: int) -> None:
        """One training."""
        if graph.shards:
            graph.student = graph.distill(quantity)
        else:
            graph.student = graph.fine_tune(graph.plan.student, quantity)
        graph.paid[self.name] = (graph.student,)


def student_rows(plan: "Plan") -> int:
    """Rows of a training on pool rows: with bought labels all gold ones join them, else none (`distill`).

    0 where no pool row is labelled, and the student learns from the gold rows alone.
    """
    from raydoa.costs.items import ITEMS

    rows, bought = sum(item.pool_rows(plan) for item in ITEMS), plan.quantity("labels")
    return rows + plan.n + bought if rows and bought else rows
