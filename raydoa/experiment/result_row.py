"""The flat row that a cell leaves in Tune's `result.json`, in DESIGN's words. Analysis reads nothing else.

Dollars, unless a name says otherwise. ``None`` means that there is no such thing for this cell (no teacher,
say), never that it was forgotten. A change of meaning or name raises `SCHEMA`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA = 3


@dataclass(frozen=True)
class ResultRow:
    """One measured (or infeasible) cell."""

    schema: int
    cell: str
    task: str
    strategy: str
    budget: float
    n: int
    u: int | None
    teacher: str | None
    student: str
    seed: int
    repeat: int
    metric: str
    prices: str
    prices_scaled: str | None
    accelerator: str
    region: str

    feasible: bool
    infeasible_reason: str | None
    labels: int
    teacher_steps: int
    pseudo_labels: int
    student_steps: int
    fraction_labels: float
    fraction_teacher: float
    fraction_pseudo_labels: float
    fraction_student: float

    score: float | None
    score_paper: float | None
    score_low: float | None
    score_high: float | None
    teacher_score: float | None

    cost_labels: float
    cost_teacher: float
    cost_pseudo_labels: float
    cost_student: float
    cost_llm: float
    cost_total: float
    cost_incurred: float
    unspent: float
    kgco2e: float

    gpu_seconds_teacher: float
    gpu_seconds_pseudo_labels: float
    gpu_seconds_student: float
    gpu_seconds_llm: float
    basis_teacher: str | None
    basis_pseudo_labels: str | None
    basis_student: str | None
    measured_gpu_seconds_teacher: float | None
    measured_gpu_seconds_pseudo_labels: float | None
    measured_gpu_seconds_student: float | None

    key_teacher: str | None
    key_student: str | None
    key_evaluation: str | None
    key_teacher_evaluation: str | None

    def flat(self) -> dict[str, Any]:
        """The row as Tune reports it."""
        return dataclasses.asdict(self)


COLUMNS = tuple(field.name for field in dataclasses.fields(ResultRow))


def row_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The row's columns out of a Tune result, which holds more beside them.

    Raises:
        KeyError: a column is missing.
    """
    return {name: values[name] for name in COLUMNS}
