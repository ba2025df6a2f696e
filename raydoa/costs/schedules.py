"""How long trainings take: batches, epochs, and the steps that follow from them."""

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """How long a training takes; a training recipe is one."""

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
    """The trainings of a plan, and how many rows a teacher labels at a time."""

    teacher: Schedule
    student_on_labels: Schedule
    student_on_soft_labels: Schedule
    labelling_batch_size: int

    def on_labels(self, model: str, student: str) -> Schedule:
        """A model's training on the labels; a student that is its own teacher has one, whatever it is trained for."""
        return self.student_on_labels if model == student else self.teacher


def steps_for(schedule: Schedule, rows: int) -> int:
    """Optimiser steps of a schedule over that many rows: epochs x ceil(rows / batch)."""
    return schedule.epochs * one_epoch(schedule, rows)


def one_epoch(schedule: Schedule, rows: int) -> int:
    """Steps that see each of ``rows`` once."""
    return math.ceil(rows / schedule.batch_size)
