"""One cell: the whole dataflow on one page.

A plan says what the budget buys, `chain` says with which stages that is done, `measure` has them made, and
`raydoa.experiment.accounting` writes down what came out and what it cost. A strategy is a function in `CHAINS` from
quantities to stages, and a planner of the same name in `raydoa.costs.plan.PLANNERS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from raydoa.costs.plan import Plan
from raydoa.costs.tariff import Quantities
from raydoa.experiment.accounting import Chain, Made, booked
from raydoa.experiment.cell import Cell
from raydoa.experiment.result_row import ResultRow
from raydoa.experiment.study import Study
from raydoa.pipeline.builder import Builder
from raydoa.pipeline.stages import (
    ChooseSparsity,
    Distill,
    Evaluate,
    FineTune,
    Initial,
    PseudoLabel,
    TextForm,
)
from raydoa.training.recipe import Recipe


def measure(cell: Cell, labels_incurred: int, study: Study, builder: Builder) -> ResultRow:
    """Have the cell's artifacts made and return its row; an infeasible cell makes nothing.

    Args:
        cell: what is measured.
        labels_incurred: how many of the labels that it buys no earlier cell of the sweep has bought.
        study: the sweep, resolved.
        builder: makes artifacts.
    """
    plan = study.plan(cell)
    if not plan.feasible:
        return booked(cell, plan, None, study)
    return booked(cell, plan, make(chain(cell, plan, study), labels_incurred, builder), study)


def make(stages: Chain, labels_incurred: int, builder: Builder) -> Made:
    """Have a cell's artifacts made."""
    return Made(
        stages,
        teacher=builder.make(stages.teacher) if stages.teacher is not None else None,
        student=builder.make(stages.student),
        paid={name: [builder.find(s) for s in paid] for name, paid in stages.paid().items()},
        labels=labels_incurred,
    )


def chain(cell: Cell, plan: Plan, study: Study) -> Chain:
    """The stages that a feasible plan stands for."""
    assert plan.feasible, f"{cell.name} cannot be paid"
    return CHAINS[cell.strategy](_Workplan(cell, plan, study))


class Chains:
    """The chains of many cells of one study; those that buy the same are one object, whose keys are hashed once.

    Budgets that pay for everything a cell can use buy the same, and a chain of U = 100K has a hundred keys.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._known: dict[tuple[Cell, Quantities], Chain] = {}

    def of(self, cell: Cell, plan: Plan) -> Chain:
        """See `chain`."""
        # What is left of a cell once its plan is made: the rest has gone into the quantities.
        bare = replace(cell, budget=0.0, u=None, label_share=None, allocation=None)
        same = (bare, plan.quantities)
        if same not in self._known:
            self._known[same] = chain(bare, plan, self._study)
        return self._known[same]


@dataclass(frozen=True)
class _Workplan:
    """What the chains of all strategies are built from."""

    cell: Cell
    plan: Plan
    study: Study

    def on_labels(self, model: str, labels: int, recipe: Recipe, steps: int) -> FineTune:
        """A model trained on the first ``labels`` labelled rows."""
        task = self.study.tasks[self.cell.task]
        return FineTune(
            initial=self.study.initial(model, self.cell.task),
            data=task.data,
            form=TextForm.of(task.spec),
            labels=labels,
            recipe=recipe,
            steps=steps,
            seed=self.cell.seed,
            repeat=self.cell.repeat,
        )

    def soft_labels(
        self, teacher: FineTune, student: Initial, count: int
    ) -> tuple[PseudoLabel, ...]:
        """The first ``count`` pool rows, in shards that larger counts contain (but for a last, short one)."""
        sweep = self.study.sweep
        size = sweep.shard_rows
        sparsity = None
        if sweep.representation.kind == "sparse":
            sparsity = ChooseSparsity(
                teacher=teacher,
                student=student,
                data=teacher.data,
                form=teacher.form,
                recipe=sweep.distill_recipe,
                representation=sweep.representation,
                seed=self.cell.seed,
            )
        return tuple(
            PseudoLabel(
                teacher=teacher,
                data=teacher.data,
                form=teacher.form,
                representation=sweep.representation,
                sparsity=sparsity,
                start=start,
                stop=min(start + size, count),
                seed=self.cell.seed,
            )
            for start in range(0, count, size)
        )

    def evaluated(self, trained: FineTune | Distill) -> Evaluate:
        """The scores of a trained model on the test rows."""
        task = self.study.tasks[self.cell.task]
        return Evaluate(
            trained=trained,
            data=task.data,
            form=TextForm.of(task.spec),
            metric=task.spec.metric,
            classes=task.spec.classes,
            rows=self.study.sweep.test_rows,
            scorer=task.scorer,
        )


def _annotate(work: _Workplan) -> Chain:
    bought = work.plan.quantities
    labels = work.cell.n + bought.labels
    recipe = work.study.sweep.student_recipe
    student = work.on_labels(work.cell.student, labels, recipe, bought.student_steps)
    return Chain(work.evaluated(student))


def _distill(work: _Workplan) -> Chain:
    """Bought labels, if there are any, teach the teacher and, with those that were owned, the student."""
    bought, sweep = work.plan.quantities, work.study.sweep
    name = work.cell.teacher or work.cell.student
    labels = work.cell.n + bought.labels
    teacher = work.on_labels(name, labels, sweep.teacher_recipe, bought.teacher_steps)
    initial = work.study.initial(work.cell.student, work.cell.task)
    student = Distill(
        initial=initial,
        teacher=teacher,
        shards=work.soft_labels(teacher, initial, bought.pseudo_labels),
        form=teacher.form,
        recipe=sweep.distill_recipe,
        steps=bought.student_steps,
        seed=work.cell.seed,
        repeat=work.cell.repeat,
        labels=labels if bought.labels else 0,
        data=teacher.data if bought.labels else None,
        mixing=sweep.mixing if bought.labels else None,
    )
    return Chain(work.evaluated(student), work.evaluated(teacher))


def _mixed(work: _Workplan) -> Chain:
    return _annotate(work) if work.cell.teacher is None else _distill(work)


CHAINS: Mapping[str, Callable[[_Workplan], Chain]] = {
    "annotate": _annotate,
    "distill": _distill,
    "self_distill": _distill,
    "mixed": _mixed,
}
