"""A cell's row: scores from the store, costs from the plan.

Standalone cost is the plan's ledger, every stage in full, wherever its artifact came from. Incurred cost
counts what was made for this cell: each artifact's record says which sweep and cell it was made for, so the
answer is the same however often the sweep is run again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raydoa.costs.ledger import MICRO, Item
from raydoa.costs.plan import Plan
from raydoa.experiment.cell import Cell
from raydoa.experiment.result_row import SCHEMA, ResultRow
from raydoa.experiment.study import Study
from raydoa.pipeline.stages import Distill, Evaluate, PseudoLabel
from raydoa.store.key import Stage
from raydoa.store.record import Record


@dataclass(frozen=True)
class Chain:
    """The last stages of a cell; everything before them hangs on them."""

    student: Evaluate
    teacher: Evaluate | None = None

    def paid(self) -> dict[str, tuple[Stage, ...]]:
        """The stages whose computing is paid for, by their name in the ledger."""
        trained = self.student.trained
        if isinstance(trained, Distill):
            return {
                "teacher": (trained.teacher,),
                "pseudo_labels": trained.shards,
                "student": (trained,),
            }
        return {"student": (trained,)}


def made_for(study: Study, cell: Cell) -> dict[str, str]:
    """What is written into the provenance of an artifact that is made for a cell."""
    return {"sweep": study.sweep_id, "cell": cell.name}


@dataclass(frozen=True)
class Made:
    """What is there after a cell has been measured.

    Attributes:
        chain: its stages.
        student: record of the evaluation.
        teacher: record of the teacher's evaluation, where there is a teacher.
        paid: records of the stages of `Chain.paid`, in their order; None for one that is not in the store any
            more, since whatever was made from it was there already.
        labels: how many of the labels that the cell buys no earlier cell of the sweep has bought.
    """

    chain: Chain
    student: Record
    teacher: Record | None
    paid: Mapping[str, Sequence[Record | None]]
    labels: int


def booked(cell: Cell, plan: Plan, made: Made | None, study: Study) -> ResultRow:
    """The row of a measured cell; of an infeasible one if ``made`` is None."""
    spent = _Spending(plan, made, made_for(study, cell))
    book, sweep, spec = study.unit_costs.book, study.sweep, study.tasks[cell.task].spec
    stages = made.chain if made else None
    scores: Mapping[str, Any] = made.student.facts if made else {}
    teacher: Mapping[str, Any] = made.teacher.facts if made and made.teacher else {}
    bought, costs = plan.quantities, plan.ledger.columns()
    shares = {
        k: costs[f"cost_{k}"] / cell.budget if cell.budget else 0.0
        for k in ("labels", "teacher", "pseudo_labels", "student")
    }
    return ResultRow(
        schema=SCHEMA,
        cell=cell.name,
        task=cell.task,
        strategy=cell.strategy,
        budget=cell.budget,
        n=cell.n,
        u=cell.u,
        teacher=cell.teacher,
        student=cell.student,
        seed=cell.seed,
        repeat=cell.repeat,
        metric=spec.metric,
        prices=book.book_id,
        prices_scaled=book.scaled,
        accelerator=sweep.accelerator,
        region=sweep.region,
        feasible=plan.feasible,
        infeasible_reason=plan.infeasible_reason,
        labels=bought.labels,
        teacher_steps=bought.teacher_steps,
        pseudo_labels=bought.pseudo_labels,
        student_steps=bought.student_steps,
        **{f"fraction_{name}": share for name, share in shares.items()},
        score=scores.get("score"),
        score_paper=scores.get("score_paper"),
        score_low=scores.get("score_low"),
        score_high=scores.get("score_high"),
        teacher_score=teacher.get("score"),
        **{name: value for name, value in costs.items() if name != "gpu_seconds_labels"},
        cost_incurred=spent.incurred_usd(),
        unspent=plan.unspent_usd,
        kgco2e=plan.ledger.kgco2e(book, sweep.accelerator, sweep.region),
        basis_teacher=plan.ledger.basis("teacher"),
        basis_pseudo_labels=plan.ledger.basis("pseudo_labels"),
        basis_student=plan.ledger.basis("student"),
        measured_gpu_seconds_teacher=spent.measured("teacher"),
        measured_gpu_seconds_pseudo_labels=spent.measured("pseudo_labels"),
        measured_gpu_seconds_student=spent.measured("student"),
        key_teacher=stages.teacher.trained.key if stages and stages.teacher else None,
        key_student=stages.student.trained.key if stages else None,
        key_evaluation=stages.student.key if stages else None,
        key_teacher_evaluation=stages.teacher.key if stages and stages.teacher else None,
    )


class _Spending:
    """What the artifacts of a cell took, by the provenance in their records."""

    def __init__(self, plan: Plan, made: Made | None, made_for: Mapping[str, str]) -> None:
        self._plan = plan
        self._made = made
        self._made_for = made_for

    def incurred_usd(self) -> float:
        """Dollars of what was made for this cell, and of the labels that it was the first to buy."""
        micro = 0
        for item in self._plan.ledger.items if self._made else ():
            micro += item.rate.micro_usd(self._incurred(item))
        return micro / MICRO

    def measured(self, name: str) -> float | None:
        """GPU-seconds (CPU worker-seconds on a machine without) that the stages took when they were made.

        None where a stage is no part of the cell, or its record is gone.
        """
        records = self._made.paid.get(name) if self._made else None
        if not records:
            return None
        seconds = [_gpu_seconds(record) for record in records if record is not None]
        return math.fsum(seconds) if len(seconds) == len(records) else None

    def _incurred(self, item: Item) -> int:
        """How much of an item's quantity this cell was the first to need."""
        assert self._made is not None
        if item.stage == "labels":
            return self._made.labels
        stages = self._made.chain.paid()[item.stage]
        records = self._made.paid[item.stage]
        ours = [
            stage
            for stage, record in zip(stages, records, strict=True)
            if record is not None and record.provenance.get("made_for") == self._made_for
        ]
        if len(ours) == len(stages):
            return item.quantity
        return sum(s.stop - s.start for s in ours if isinstance(s, PseudoLabel))


def _gpu_seconds(record: Record) -> float:
    """What an artifact took to make; whoever made it has noted that."""
    seconds = record.provenance["gpu_seconds"]
    assert isinstance(seconds, int | float), f"{record.key}: gpu_seconds {seconds!r}"
    return float(seconds)
