"""A task's prices and rows as the search sees them: a resolved study becomes `Costs` and a `Space`.

Rates are those of the tariff that plans are made with, so what the search expects of an allocation is what its plan
costs, up to the rounding of each item to whole micro-dollars.
"""

from dataclasses import dataclass

from raydoa.costs.tariff import Recipes, Request, Tariff
from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.cell import Cell
from raydoa.experiment.study import Study, TaskSource
from raydoa.models.architecture import NANO_MODELS, nano_shape
from raydoa.search.costs import ROUNDING_USD, Costs, Supply, TeacherPrices
from raydoa.search.space import Space

_WITHOUT_END = 1_000_000
"""Rows of a task that cannot be reached from here: enough for whatever is priced without it."""


@dataclass(frozen=True)
class ShardedSpace(Space):
    """A space whose pools end where shards of soft labels do.

    Pools are labelled in shards of `least_u` rows. A pool that ended inside a shard would share less with the next
    larger one than the search counts on, and the next one would cost more than was asked for.
    """

    def pools(self) -> list[int]:
        """The ladder of U, in whole shards."""
        most = min(self.costs.supply.u, self.costs.supply.together - 1)
        whole = {self._whole(u) for u in super().pools()}
        return sorted(whole) if most >= self.least_u else [most] if most > 0 else []

    def _most_u(self, labels: int, teacher: str, budget: float) -> list[int]:
        most = {self._whole(u) for u in super()._most_u(labels, teacher, budget)}
        return sorted(most - {0})

    def _whole(self, u: int) -> int:
        return u - u % self.least_u


def space_of(study: Study, task: str, n: int, budget_usd: float) -> Space:
    """All allocations for a task of the study with ``n`` labels owned, to be paid from a budget."""
    within = max(0.0, budget_usd - ROUNDING_USD)
    return ShardedSpace(costs_of(study, task, n), within, study.sweep.shard_rows)


def costs_of(study: Study, task: str, n: int) -> Costs:
    """Prices and schedules of a task of the study with ``n`` labels owned.

    Raises:
        UserError: there is no such task or price, or ``n`` is above the labelled rows.
    """
    if task not in study.tasks:
        known = sorted(study.tasks)
        raise UserError(
            f"task: found {task!r}; this study has {', '.join(known)}{did_you_mean(task, known)}"
        )
    source, sweep = study.tasks[task], study.sweep
    supply = _supply(source)
    if not 1 <= n <= supply.labels:
        raise UserError(
            f"n: found {n:,}; task {task} has {supply.labels:,} labelled rows, and at least 1 is owned"
        )
    alone = tariff_of(study, Cell(task, "annotate", 0.0, n, None, None, sweep.student, 0))
    return Costs(
        owned=n,
        label_usd=alone.labels.unit_price_usd,
        student_step_usd=alone.student.unit_price_usd,
        teachers=tuple(
            sorted((_teacher(study, task, name) for name in sweep.grid.teachers), key=_size)
        ),
        supply=supply,
        of_teacher=sweep.teacher_recipe,
        on_labels=sweep.student_recipe,
        on_soft_labels=sweep.distill_recipe,
    )


def tariff_of(study: Study, cell: Cell) -> Tariff:
    """The rates that a cell is planned at."""
    sweep = study.sweep
    request = Request(
        strategy=cell.strategy,
        task=study.tasks[cell.task].spec,
        budget_usd=cell.budget,
        n=cell.n,
        student=cell.student,
        teacher=cell.teacher,
        u=cell.u,
    )
    recipes = Recipes(
        teacher=sweep.teacher_recipe,
        student_on_labels=sweep.student_recipe,
        student_on_soft_labels=sweep.distill_recipe,
        labelling_batch_size=sweep.labelling_batch_size,
    )
    return Tariff(request, recipes, study.unit_costs)


def _teacher(study: Study, task: str, name: str) -> TeacherPrices:
    tariff = tariff_of(study, Cell(task, "distill", 0.0, 1, 1, name, study.sweep.student, 0))
    return TeacherPrices(
        name=name,
        parameters=_parameters(study, name),
        step_usd=tariff.teacher.unit_price_usd,
        row_usd=tariff.pseudo_labels.unit_price_usd,
        student_step_usd=tariff.student.unit_price_usd,
    )


def _parameters(study: Study, name: str) -> float:
    """How large a model really is, whatever large counterpart it is priced as."""
    pretraining = study.sweep.pretraining
    if name in NANO_MODELS and name not in study.unit_costs.shapes and pretraining is not None:
        return float(nano_shape(name, pretraining.vocabulary).parameters)
    return float(study.unit_costs.shape(name).parameters)


def _size(teacher: TeacherPrices) -> tuple[float, str]:
    return teacher.parameters, teacher.name


def _supply(source: TaskSource) -> Supply:
    """The rows of a task: labels and pool from one file, or each from its own."""
    if source.train_rows is None:
        return Supply(_WITHOUT_END, _WITHOUT_END, 2 * _WITHOUT_END)
    if source.pool_rows:
        rows = source.train_rows + source.pool_rows
        return Supply(source.train_rows, source.pool_rows, rows)
    return Supply(source.train_rows, source.train_rows, source.train_rows)
