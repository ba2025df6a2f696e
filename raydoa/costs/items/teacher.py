"""A teacher's fine-tuning on all labels, owned and bought, and on those that are written for it."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from raydoa.costs.items.item import CostItem, gold_rows, teacher_rows
from raydoa.costs.items.labels import gold_of
from raydoa.costs.plan import Plan
from raydoa.costs.schedules import one_epoch, steps_for
from raydoa.costs.unit_costs import Work

if TYPE_CHECKING:
    from raydoa.costs.pricing import Pricing
    from raydoa.costs.question import Question
    from raydoa.costs.stage_graph import StageGraph


class Teacher(CostItem):
    """Optimiser steps of the model that is chosen as ``teacher``."""

    name = "teacher"
    title = "teacher's fine-tuning"
    model = "teacher"
    unit = "step"
    priced_by = "gpu_hour"
    column = "teacher_steps"
    in_laws = True

    def work(self, pricing: "Pricing", choices: Mapping[str, str]) -> Work | None:
        """One step over the global batch."""
        teacher = choices.get("teacher")
        if teacher is None:
            return None
        recipe = pricing.recipes.on_labels(teacher, pricing.student)
        return pricing.work("train_step", teacher, recipe)

    def limits(self, question: "Question", plan: Plan) -> tuple[int, int]:
        """From one epoch to the recipe's."""
        if (teacher := plan.choice("teacher")) is None:
            return 0, 0
        labels = teacher_rows(plan)
        schedule = question.recipes.on_labels(teacher, plan.student)
        return one_epoch(schedule, labels), steps_for(schedule, labels)

    def shared_as(self, plan: Plan) -> tuple[Hashable, int, int]:
        """One training on those labels."""
        return teacher_of(plan), 0, plan.quantity(self.name)

    def add_stages(self, graph: "StageGraph", quantity: int) -> None:
        """One fine-tuning."""
        name = graph.plan.choice("teacher")
        assert name is not None, "a plan that pays for a teacher names it"
        graph.teacher = graph.fine_tune(name, quantity)
        graph.paid[self.name] = (graph.teacher,)


def teacher_of(plan: Plan) -> Hashable | None:
    """What tells one fine-tuned teacher from another, and None where there is none; its students share its luck."""
    teacher = plan.choice("teacher")
    if teacher is None:
        return None
    steps = plan.quantity(Teacher.name)
    written = teacher_rows(plan) - gold_rows(plan)
    by = ((written, plan.choices),) if written else ()
    return ("teacher", plan.task, plan.seed, plan.repeat, teacher, gold_of(plan), steps, *by)
