"""The least and the most that a `mixed` cell has of each quantity, given what it bought before.

The order is that of the money: labels, then the teacher that learns from them, then the pool that it labels, then the
student that learns from all of it.
"""

import math
from collections.abc import Mapping

from raydoa.costs.ledger import Stage
from raydoa.costs.tariff import Quantities, Request, Schedule, Tariff, steps_for
from raydoa.errors import UserError

QUANTITY_OF: Mapping[Stage, str] = {
    "labels": "labels",
    "teacher": "teacher_steps",
    "pseudo_labels": "pseudo_labels",
    "student": "student_steps",
}
"""The field of `Quantities` that each stage's money buys, in the order in which it is spent."""

_NO_END = 10**18


def limits(stage: Stage, tariff: Tariff, bought: Quantities) -> tuple[int, int]:
    """The least of a stage without which there is no plan, and the most that makes sense.

    Raises:
        UserError: there are no pool rows beside the labels.
    """
    request, recipes = tariff.request, tariff.recipes
    labels = request.n + bought.labels
    if stage == "labels":
        return (0 if request.n else 1), most_labels(request)
    if request.teacher is None:
        # As in `annotate`, the student's training is paid in full.
        steps = steps_for(recipes.student_on_labels, labels) if stage == "student" else 0
        return steps, steps
    if stage == "teacher":
        return one_epoch(recipes.teacher, labels), steps_for(recipes.teacher, labels)
    if stage == "pseudo_labels":
        return 1, _most_rows(request, bought.labels)
    rows = student_rows(request.n, bought.labels, bought.pseudo_labels)
    schedule = recipes.student_on_soft_labels
    return one_epoch(schedule, rows), steps_for(schedule, rows)


def most_labels(request: Request) -> int:
    """How many labels there are to buy."""
    return _NO_END if request.labels_available is None else request.labels_available


def one_epoch(schedule: Schedule, rows: int) -> int:
    """Steps that see each of ``rows`` once."""
    return math.ceil(rows / schedule.batch_size)


def student_rows(n: int, bought: int, u: int) -> int:
    """Rows of a student's training on soft labels: with bought labels all gold ones join them, else none."""
    return u + n + bought if bought else u


def _most_rows(request: Request, labels: int) -> int:
    """Pool rows there are beside the labels, and no more than are asked for."""
    there = _NO_END if request.pool is None else request.pool.beside(labels)
    if there < 1:
        raise UserError(
            f"u: no pool rows are left beside {request.n + labels:,} labels; lower N or give a larger pool"
        )
    return there if request.u is None else min(there, request.u)
