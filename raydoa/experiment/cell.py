"""A cell: one point of a sweep, measured by one Tune trial."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from raydoa.costs.allocation import Allocation


@dataclass(frozen=True)
class Cell:
    """What is measured: a strategy for a task at a budget, with what is owned and one seed.

    Attributes:
        task: the task's name.
        strategy: a name in `raydoa.costs.plan.PLANNERS`.
        budget: dollars that may be spent on top of the ``n`` labels.
        n: labelled examples owned at the start.
        u: unlabelled sources to pseudo-label; None where there is no pool, or an allocation says how many.
        teacher: the teacher's name; None where there is none.
        student: the student's name.
        seed: decides the order of the rows and the randomness of all training.
        label_share: in `mixed`, the fraction of the budget for labels; teacher and pool are paid in full.
        allocation: in `mixed`, the fractions of everything, instead of a label share.
        repeat: counts trainings on the same rows with another randomness, from 0.
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
    allocation: Allocation | None = None
    repeat: int = 0

    @property
    def name(self) -> str:
        """A readable name, unique within a sweep."""
        parts = [self.task, self.strategy, f"B{self.budget:.12g}", f"N{self.n}"]
        if self.u is not None:
            parts.append(f"U{self.u}")
        if self.teacher is not None:
            parts.append(self.teacher.replace("/", "_"))
        if self.label_share is not None:
            parts.append(f"L{self.label_share:.12g}")
        if self.allocation is not None:
            parts.append("A" + "_".join(f"{share:.12g}" for share in astuple(self.allocation)))
        parts.append(f"seed{self.seed}")
        return "-".join([*parts, f"repeat{self.repeat}"] if self.repeat else parts)


def cell_from(values: Mapping[str, Any]) -> Cell:
    """The cell that `dataclasses.asdict` made plain values of."""
    shares = values.get("allocation")
    return Cell(**{**values, "allocation": Allocation(**shares) if shares is not None else None})
