"""Whose labels a task's plans buy, and what follows for N: what a user is asked before anything is planned on a guess."""

from collections.abc import Collection, Iterable

from raydoa.costs.question import Question
from raydoa.errors import UserError
from raydoa.experiment.cell import Cell
from raydoa.experiment.study import Study
from raydoa.experiment.task_source import TaskSource
from raydoa.strategies import STRATEGIES


def check_owned(study: Study, given: Collection[str]) -> None:
    """Refuse an N that somebody chose for tasks all of whose labelled rows are owned, and to guess it.

    Args:
        study: of which N.
        given: fields that somebody chose; a preset's N gives way, and so does one that is for another task.

    Raises:
        UserError: it is not how many rows `train` has; or those cannot be counted from here, and it was not given.
    """
    asked = study.sweep.grid.n
    of_people = {n: task for n, task in study.tasks.items() if task.spec.labels == "people"}
    for name, source in of_people.items():
        owned = source.owned(asked)
        if source.train_rows is None and "n" not in given:
            raise UserError(
                f"--n: missing; of task {name} all rows of train are owned (labels: people), which cannot be counted from here"
            )
        if "n" in given and len(of_people) == len(study.tasks) and set(asked) != set(owned):
            raise UserError(
                f"--n: found {', '.join(map(str, asked))}; of task {name} all {owned[0]:,} rows of train are owned "
                "(labels: people): leave it out"
            )


def ask_of_cells(study: Study, cells: Iterable[Cell]) -> None:
    """Ask whose labels they are, if a budget of a sweep pays for more than are in hand and the task does not say.

    Raises:
        UserError: the question, in one line.
    """
    for cell in cells:
        source = study.tasks[cell.task]
        if _unsaid(source):
            strategy = STRATEGIES.get(cell.strategy)
            _ask(source, strategy.short_of_labels(study.asked(cell), cell.budget), cell.budget)


def ask_of_question(study: Study, question: Question, budget_usd: float) -> None:
    """The same of a question for which every strategy is looked at. Raises `UserError`: the question, in one line."""
    source = study.tasks[question.task]
    if _unsaid(source):
        for strategy in STRATEGIES:
            _ask(source, strategy.short_of_labels(question, budget_usd), budget_usd)


def _unsaid(source: TaskSource) -> bool:
    without = source.unlabelled or (source.pool_rows and not source.pool_is_labelled)
    return source.spec.labels is None and bool(without)


def _ask(source: TaskSource, short: str | None, budget_usd: float) -> None:
    if short is None:
        return
    without = source.pool_rows or source.unlabelled
    raise UserError(
        f"task {source.spec.name}: labels: missing; {short} (B = ${budget_usd:,.2f}). Write `labels: people` if people "
        f"label rows of its pool, {without:,} without labels: plans that buy some are priced, and measured once "
        "those are there; or `labels: gold` if only labels in hand are for sale: a budget for more is infeasible"
    )
