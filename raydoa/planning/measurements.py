"""Rows of a finished sweep as measured plans of a question.

A row's strategy does not matter: what was learnt from how much of what stands in its choices and quantities.
"""

from collections.abc import Iterable
from dataclasses import replace

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import gold_rows
from raydoa.costs.items.labels import Labels, ordered_gold_rows, where_owned
from raydoa.costs.items.teacher import teacher_of
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.experiment.result_row import ResultRow, choices_of, quantity_column
from raydoa.report.rows import scored
from raydoa.search.surrogate.surface import Measured

_PREFIX = "quantity_"


def plan_of(row: ResultRow) -> Plan:
    """The plan that a feasible row of `cells.csv` has measured."""
    columns = {name: name.removeprefix(_PREFIX) for name in row if name.startswith(_PREFIX)}
    columns |= {quantity_column(item): item for item in ITEMS.names()}
    quantities = {item: row.get(name, 0) for name, item in columns.items()}
    return Plan(
        task=row["task"],
        n=row["n"],
        student=row["student"],
        seed=row["seed"],
        repeat=row["repeat"],
        choices=choices_of(row),
        quantities=tuple(sorted((item, count) for item, count in quantities.items() if count)),
    )


def unregistered(plan: Plan) -> list[str]:
    """Cost items of a plan that no plugin here has registered: nothing is known of what they bring."""
    return [item for item, _ in plan.quantities if item not in ITEMS]


def is_control(plan: Plan) -> bool:
    """Whether the student is its own teacher: no plan of a search is."""
    return plan.choice("teacher") == plan.student


def as_asked(plan: Plan, question: Question) -> Plan:
    """The same training where ``question.n`` labels are owned; as it was measured if it is none of the plans there.

    Bought labels teach the student of a teacher as well, owned ones do not. Fewer labels than are owned are a probe.
    """
    measured = replace(plan, seed=question.seed, repeat=0)
    here = where_owned(measured, question.n)
    buys, bought = gold_rows(here) > here.n, gold_rows(plan) > plan.n
    return here if buys == bought or not plan.choices else measured


def measurements(rows: Iterable[ResultRow], question: Question, sweep: str) -> list[Measured]:
    """What scored rows say about a question, each training once.

    A larger budget that buys the same plan reads the same training back: counted twice, luck would look small.

    Args:
        rows: of cells.csv, of any N; those without a score are passed over.
        question: of the same task.
        sweep: tells its teachers from those of other sweeps.
    """
    trainings: dict[Plan, Measured] = {}
    for row in rows:
        if not (row["feasible"] and scored(row)):
            continue
        plan = plan_of(row)
        if not is_control(plan) and not unregistered(plan):
            of_sweep = teacher_of(plan)
            teacher = None if of_sweep is None else (sweep, of_sweep)
            trainings.setdefault(plan, Measured(as_asked(plan, question), row["score"], teacher))
    return list(trainings.values())


def data_of(plan: Plan) -> dict[str, int]:
    """What a plan learns from: all labels, owned or bought, and the rows of each other cost item that brings some."""
    rows = {item.name: plan.quantity(item.name) for item in ITEMS if item.brings is not None}
    return {**rows, Labels.name: ordered_gold_rows(plan)}
