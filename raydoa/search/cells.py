"""Candidates of the search as cells of a sweep, and measured rows as what the search has seen.

A cell asks for a budget, and its plan answers with quantities; a candidate is quantities. So a cell is given the budget
that pays for exactly its candidate, to the micro-dollar, and plans to it. Students of fewer labels than are owned
are cells of a smaller N.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from raydoa.costs.allocation import Allocation
from raydoa.costs.tariff import Quantities, steps_for
from raydoa.experiment.cell import Cell
from raydoa.experiment.study import Study
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate
from raydoa.search.pricing import tariff_of
from raydoa.search.surrogate.surface import Measured

_WITHOUT_SOFT_LABELS = "annotate"
_OF_ITSELF = "self_distill"


@dataclass(frozen=True)
class Cells:
    """The cells of one task with ``owned`` labels; ``seed`` decides which rows these are."""

    study: Study
    task: str
    owned: int
    seed: int = 0

    def of(self, candidate: Candidate) -> Cell:
        """The cell that measures a candidate."""
        point = candidate.point
        owned = min(point.labels, self.owned)
        bought = point.labels - owned
        if point.teacher:
            steps = steps_for(self.study.sweep.teacher_recipe, point.labels)
            wanted = Quantities(bought, steps, point.u, point.student_steps)
            strategy = "mixed" if bought else "distill"
        else:
            wanted = Quantities(bought, student_steps=point.student_steps)
            strategy = _WITHOUT_SOFT_LABELS
        fields: dict[str, Any] = {
            "task": self.task,
            "n": owned,
            "u": point.u or None,
            "teacher": point.teacher or None,
            "student": self.study.sweep.student,
            "seed": self.seed,
            "repeat": candidate.repeat,
        }
        # What it costs follows from the models alone; `distill` has their rates.
        rates = "distill" if point.teacher else _WITHOUT_SOFT_LABELS
        ledger = tariff_of(self.study, Cell(strategy=rates, budget=0.0, **fields)).ledger(wanted)
        if strategy == "mixed":
            fields["allocation"] = Allocation.of(ledger, ledger.cost_usd)
        return Cell(strategy=strategy, budget=ledger.cost_usd, **fields)


def candidate_of(row: Mapping[Any, Any]) -> Candidate | None:
    """The candidate that a row has measured; None if it could not be paid, or was its own teacher."""
    if not row["feasible"] or row["strategy"] == _OF_ITSELF:
        return None
    teacher = "" if _missing(row["teacher"]) else str(row["teacher"])
    point = Point(
        labels=int(row["n"]) + int(row["labels"]),
        teacher=teacher,
        u=int(row["pseudo_labels"]),
        student_steps=int(row["student_steps"]),
    )
    return Candidate(point, int(row.get("repeat", 0)))


def score_of(row: Mapping[Any, Any]) -> float | None:
    """The score of a row; None if it has none, or one that is no number."""
    score = row["score"]
    return None if _missing(score) else float(score)


def measurements(rows: Iterable[Mapping[Any, Any]], task: str, sweep: str) -> list[Measured]:
    """What the rows of a finished sweep say about a task, each training once.

    A larger budget that buys the same plan reads the same training back: counted twice, noise would look small.

    Args:
        rows: of cells.csv.
        task: its name.
        sweep: tells its teachers from those of other sweeps.
    """
    found: dict[tuple[object, ...], Measured] = {}
    for row in rows:
        candidate, score = candidate_of(row), score_of(row)
        if row["task"] != task or candidate is None or score is None:
            continue
        artifact = candidate.artifact
        teacher = (sweep, row["seed"], *artifact) if artifact is not None else None
        training = (candidate, *(row[name] for name in ("student", "seed", "n", "strategy")))
        found.setdefault(training, Measured(candidate.point, score, teacher))
    return list(found.values())


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
