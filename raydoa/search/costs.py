"""What an allocation costs, in floating point: the search compares thousands of them.

A `Point` is an allocation in whole quantities. Its items are those of the plan (`raydoa.costs.plan`): prices are the
tariff's rates, without the rounding up to whole micro-dollars. What is really run is planned and booked there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from raydoa.costs import limits
from raydoa.costs.tariff import Schedule, steps_for

ROUNDING_USD = 5e-6
"""What a plan may cost above its items here: the planner rounds each of four up to a whole micro-dollar."""


@dataclass(frozen=True, order=True)
class Point:
    """One allocation in whole quantities.

    Attributes:
        labels: gold labels that are learnt from, the owned ones first; fewer than are owned is a cheap probe.
        teacher: its name, or "" for `annotate`.
        u: pool rows that the teacher labels.
        student_steps: optimiser steps of the student's training.
    """

    labels: int
    teacher: str
    u: int
    student_steps: int


@dataclass(frozen=True)
class TeacherPrices:
    """A teacher, and what a unit of its work costs.

    Attributes:
        name: the model's name.
        parameters: how large it is.
        step_usd: one step of its fine-tuning.
        row_usd: one pool row labelled.
        student_step_usd: one step of the student on its soft labels.
    """

    name: str
    parameters: float
    step_usd: float
    row_usd: float
    student_step_usd: float


@dataclass(frozen=True)
class Supply:
    """How much there is: labels at most, pool rows at most, and both together where they come from one file."""

    labels: int
    u: int
    together: int

    def has(self, point: Point) -> bool:
        """Whether there are rows enough."""
        enough = point.labels <= self.labels and point.u <= self.u
        return enough and point.labels + point.u <= self.together


@dataclass(frozen=True)
class Items:
    """Dollars of an allocation, item by item."""

    labels: float = 0.0
    teacher: float = 0.0
    pseudo_labels: float = 0.0
    student: float = 0.0

    @property
    def total(self) -> float:
        """The standalone cost."""
        return self.labels + self.teacher + self.pseudo_labels + self.student

    @property
    def compute(self) -> float:
        """What is not paid to annotators."""
        return self.teacher + self.pseudo_labels + self.student


@dataclass(frozen=True)
class Costs:
    """Prices and schedules of one task, for all its allocations.

    Attributes:
        owned: N, the labels that cost nothing.
        label_usd: one label more.
        student_step_usd: one step of the student on gold labels alone.
        teachers: the teachers, smallest first.
        supply: rows that there are.
        of_teacher: schedule of a teacher's fine-tuning.
        on_labels: the student's schedule on gold labels alone.
        on_soft_labels: the student's schedule on soft labels.
    """

    owned: int
    label_usd: float
    student_step_usd: float
    teachers: tuple[TeacherPrices, ...]
    supply: Supply
    of_teacher: Schedule
    on_labels: Schedule
    on_soft_labels: Schedule

    @cached_property
    def by_name(self) -> Mapping[str, TeacherPrices]:
        """The teachers by name."""
        return {teacher.name: teacher for teacher in self.teachers}

    def items(self, point: Point) -> Items:
        """What a point costs if nothing of it exists."""
        bought = max(0, point.labels - self.owned) * self.label_usd
        if not point.teacher:
            return Items(bought, student=point.student_steps * self.student_step_usd)
        prices = self.by_name[point.teacher]
        return Items(
            labels=bought,
            teacher=self.teacher_usd(point),
            pseudo_labels=point.u * prices.row_usd,
            student=point.student_steps * prices.student_step_usd,
        )

    def teacher_usd(self, point: Point) -> float:
        """The fine-tuning of a point's teacher."""
        return self.by_name[point.teacher].step_usd * steps_for(self.of_teacher, point.labels)

    def student_rows(self, labels: int, u: int) -> int:
        """Rows of the student's training: bought labels join the soft ones, owned ones alone do not (`distill`)."""
        return limits.student_rows(self.owned, max(0, labels - self.owned), u)

    def full_steps(self, labels: int, teacher: str, u: int) -> int:
        """The student's steps under the recipe's epochs."""
        if not teacher:
            return steps_for(self.on_labels, labels)
        return steps_for(self.on_soft_labels, self.student_rows(labels, u))

    def full_steps_of(self, point: Point) -> int:
        """The same of a point."""
        return self.full_steps(point.labels, point.teacher, point.u)

    def one_epoch(self, labels: int, u: int) -> int:
        """The least steps of a student on soft labels."""
        return limits.one_epoch(self.on_soft_labels, self.student_rows(labels, u))

    def allowed(self, point: Point) -> bool:
        """Whether a plan of these quantities exists, at whatever price."""
        if point.labels < 1 or not self.supply.has(point):
            return False
        full = self.full_steps_of(point)
        if not point.teacher:
            return point.u == 0 and point.student_steps == full
        least = self.one_epoch(point.labels, point.u)
        return point.u > 0 and least <= point.student_steps <= full
