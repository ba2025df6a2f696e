"""The student's training: on soft labels if there are any, else on labels."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from raydoa.costs.items.item import CostItem, gold_joins, gold_rows, pool_rows
from raydoa.costs.plan import Plan
from raydoa.costs.schedules import one_epoch, steps_for
from raydoa.costs.unit_costs import Work

if TYPE_CHECKING:
    from raydoa.costs.pricing import Pricing
    from raydoa.costs.question import Question
    from raydoa.costs.stage_graph import StageGraph


class Student(CostItem):
    """Optimiser steps of the model that is shipped."""

    name = "student"
    title = "student's training"
    model = "student"
    unit = "step"
    priced_by = "gpu_hour"
    column = "student_steps"
    in_laws = True

    def work(self, pricing: "Pricing", choices: Mapping[str, str]) -> Work:
        """One step over the global batch; on soft labels the teacher's head is multiplied as well."""
        teacher, recipes = choices.get("teacher"), pricing.recipes
        recipe = recipes.student_on_soft_labels if choices else recipes.student_on_labels
        if teacher is None:
            return pricing.work("train_step", pricing.student, recipe)
        return pricing.work("distill_step", pricing.student, recipe, teacher=teacher)

    def limits(self, question: "Question", plan: Plan) -> tuple[int, int]:
        """On labels alone the recipe's epochs are paid in full; on soft labels from one epoch up to those."""
        gold, rows = gold_rows(plan), pool_rows(plan)
        if not rows:
            steps = steps_for(question.recipes.student_on_labels, gold)
            return steps, steps
        rows += gold if gold_joins(plan) else 0
        schedule = question.recipes.student_on_soft_labels
        return one_epoch(schedule, rows), steps_for(schedule, rows)

    def shared_as(self, plan: Plan) -> tuple[Hashable, int, int]:
        """One training, which is the plan's alone."""
        return ("student", plan), 0, plan.quantity(self.name)

    def add_stages(self, graph: "StageGraph", quantity: int) -> None:
        """One training."""
        if graph.shards:
            graph.student = graph.distill(quantity)
        else:
            graph.student = graph.fine_tune(graph.plan.student, quantity)
        graph.paid[self.name] = (graph.student,)


def trained_share(plan: Plan, question: "Question") -> float:
    """How long a plan trains its student, as a share of the recipe's steps."""
    return plan.quantity(Student.name) / max(1, question.limits(Student.name, plan)[1])
