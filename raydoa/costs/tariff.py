"""One cell to plan, and what a unit of each of its stages costs.

A `Request` says what is asked, `Recipes` how long its trainings take, and a `Tariff` joins them
with unit costs and a price book into a rate per stage. Another stage that can be paid for is one
more rate here.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from raydoa.costs.allocation import Allocation, micro_budget
from raydoa.costs.ledger import Item, Ledger, Rate, Stage, compute_rate
from raydoa.costs.unit_costs import Operation, UnitCost, UnitCosts


class PricedTask(Protocol):
    """What planning needs of a task; a `TaskSpec` is one."""

    @property
    def name(self) -> str:
        """Under which its label price is in the book."""
        ...

    @property
    def source_length(self) -> int:
        """Tokens of a source at most."""
        ...

    @property
    def target_length(self) -> int:
        """Tokens of a target at most."""
        ...


class Schedule(Protocol):
    """How long a training takes; a learning recipe is one."""

    @property
    def batch_size(self) -> int:
        """Rows of one optimiser step, over all workers."""
        ...

    @property
    def epochs(self) -> int:
        """Passes over the rows."""
        ...


@dataclass(frozen=True)
class Recipes:
    """The trainings of a cell, and how many rows the teacher labels at a time."""

    teacher: Schedule
    student_on_labels: Schedule
    student_on_soft_labels: Schedule
    labelling_batch_size: int


@dataclass(frozen=True)
class Request:
    """One cell to plan; ``u`` and ``teacher`` are None where the strategy has none."""

    strategy: str
    task: PricedTask
    budget_usd: float
    n: int
    student: str
    teacher: str | None = None
    u: int | None = None
    labels_available: int | None = None
    """How many labels there are to buy; None if there is no end of them."""
    allocation: Allocation | None = None
    """How `mixed` splits the budget."""
    label_share: float | None = None
    """The fraction of the budget that `mixed` spends on labels, where nothing else of its split is given."""
    pool: "Pool | None" = None
    """The rows there are to pseudo-label; None if there is no end of them."""


@dataclass(frozen=True)
class Pool:
    """Rows to pseudo-label beside the N owned labels.

    Attributes:
        rows: how many.
        labels_come_from_it: whether each label that is bought is a row less.
    """

    rows: int
    labels_come_from_it: bool

    def beside(self, labels: int) -> int:
        """The rows that are left when ``labels`` have been bought."""
        return self.rows - labels if self.labels_come_from_it else self.rows


@dataclass(frozen=True)
class Quantities:
    """What a plan buys, in whole units."""

    labels: int = 0
    teacher_steps: int = 0
    pseudo_labels: int = 0
    student_steps: int = 0


@dataclass(frozen=True)
class Tariff:
    """The rates of one cell: what a unit of each of its stages costs."""

    request: Request
    recipes: Recipes
    unit_costs: UnitCosts

    @cached_property
    def labels(self) -> Rate:
        """One label from an annotator."""
        return Rate("labels", "label", None, self.unit_costs.book.label_usd(self.request.task.name))

    @cached_property
    def teacher(self) -> Rate:
        """One step of fine-tuning the teacher on labels."""
        return self._rate(
            "teacher", "train_step", self.teacher_name, self.recipes.teacher.batch_size
        )

    @cached_property
    def pseudo_labels(self) -> Rate:
        """One pool row through the teacher."""
        batch = self.recipes.labelling_batch_size
        return self._rate("pseudo_labels", "label_sequence", self.teacher_name, batch)

    @cached_property
    def student(self) -> Rate:
        """One step of training the student: on soft labels if there are any, else on labels."""
        if self.request.u is None and self.request.teacher is None:
            batch = self.recipes.student_on_labels.batch_size
            return self._rate("student", "train_step", self.request.student, batch)
        batch = self.recipes.student_on_soft_labels.batch_size
        return self._rate("student", "distill_step", self.request.student, batch, self.teacher_name)

    @property
    def teacher_name(self) -> str:
        """The model that writes soft labels."""
        return self.request.teacher or self.request.student

    @property
    def budget_micro_usd(self) -> int:
        """The budget in whole micro-dollars, rounded down."""
        return micro_budget(self.request.budget_usd)

    def ledger(self, quantities: Quantities) -> Ledger:
        """The items of ``quantities``; a stage of which there is nothing is no item."""
        bought = {
            "labels": quantities.labels,
            "teacher": quantities.teacher_steps,
            "pseudo_labels": quantities.pseudo_labels,
            "student": quantities.student_steps,
        }
        return Ledger(tuple(Item(getattr(self, stage), q) for stage, q in bought.items() if q))

    def _rate(
        self, stage: Stage, operation: Operation, model: str, batch: int, teacher: str | None = None
    ) -> Rate:
        cost = self.unit_cost(operation, model, batch, teacher)
        gpu_hour_usd = self.unit_costs.book.gpu_hour_usd(self.unit_costs.accelerator)
        return compute_rate(stage, operation, cost.gpu_seconds, gpu_hour_usd, cost.basis)

    def unit_cost(
        self, operation: Operation, model: str, batch: int, teacher: str | None = None
    ) -> UnitCost:
        """The unit cost behind a rate, with its basis and source, at the task's lengths."""
        task = self.request.task
        return self.unit_costs.lookup(
            operation, model, batch, task.source_length, task.target_length, teacher
        )


def steps_for(schedule: Schedule, rows: int) -> int:
    """Optimiser steps of the schedule over that many rows: epochs x ceil(rows / batch)."""
    return schedule.epochs * math.ceil(rows / schedule.batch_size)
