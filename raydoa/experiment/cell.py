"""A cell: one row of a sweep, which is a plan and the budget that asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """What is asked for: a strategy for a task at a budget, with what is owned and one seed.

    Attributes:
        task: the task's name.
        strategy: a name in `raydoa.strategies.STRATEGIES`.
        budget: dollars that may be spent on top of the ``n`` labels.
        n: labelled examples owned at the start.
        u: unlabelled sources to pseudo-label; None where the strategy has no pool.
        teacher: the teacher's name; None where there is none.
        student: the student's name.
        seed: decides the order of the rows and the randomness of all training.
        label_share: the fraction of the budget for labels, where a strategy splits it so.
        repeat: counts trainings on the same rows with another randomness, from 0.
        choices: values on the axes that plugins add, by name.
    """

    task: str
    strategy: str
    budget: float
    n: int
    u: int | None
    teacher: str | None
    student: str
    seed: int
    label_share: float | None = None
    repeat: int = 0
    choices: tuple[tuple[str, Any], ...] = ()

    @property
    def axes(self) -> dict[str, Any]:
        """What the strategy's question is asked with, by axis."""
        shared = {"u": self.u, "teacher": self.teacher, "label_share": self.label_share}
        return {**shared, **dict(self.choices)}

    @property
    def name(self) -> str:
        """A readable name, unique within a sweep, which may name a file."""
        parts = [self.task, self.strategy, f"B{self.budget:.12g}", f"N{self.n}"]
        if self.u is not None:
            parts.append(f"U{self.u}")
        if self.teacher is not None:
            parts.append(self.teacher)
        if self.label_share is not None:
            parts.append(f"L{self.label_share:.12g}")
        parts += [f"{axis}{value}" for axis, value in self.choices]
        parts.append(f"seed{self.seed}")
        name = "-".join([*parts, f"repeat{self.repeat}"] if self.repeat else parts)
        return name.replace("/", "_")


def cell_from_json(values: Mapping[str, Any]) -> Cell:
    """The cell that `dataclasses.asdict` made plain values of."""
    return Cell(**{**values, "choices": tuple((axis, value) for axis, value in values["choices"])})
