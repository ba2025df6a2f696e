"""`distill`: fine-tune a teacher on the labels, have it label the pool, and train the student on that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.costs.tariffs import micro_budget
from raydoa.errors import UserError
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.strategy import Axes, Strategy, TableRow, check_question, short_name
from raydoa.strategies.student_last import (
    on_every_pool,
    on_the_smallest_pool,
    trained_with_the_rest,
)


class DistillStrategy(Strategy):
    """The teacher's fine-tuning and U pseudo-labels first; the rest buys student steps, up to the recipe's epochs."""

    name = "distill"

    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        """Teachers and pool sizes."""
        return {"u": grid.u, "teacher": grid.teachers}

    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        """See `Strategy.plan`."""
        check_question(question, budget_usd)
        check_distillation(question, self.name)
        return distilled(question, budget_usd, question.axes["teacher"], labels=0)

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        """Every teacher, pool and length of training, without buying labels."""
        for teacher in ladders.question.teachers:
            yield from distillations(ladders, teacher, labels=0)

    def probes(self, ladders: Ladders) -> Iterator[Plan]:
        """Teachers of some of the owned labels."""
        for owned in ladders.owned:
            question = replace(ladders.question, n=owned)
            for teacher in question.teachers:
                for rows in ladders.pools:
                    plan = unfinished(question, teacher, 0, rows)
                    if plan is not None:
                        yield plan.with_quantities(student=question.limits("student", plan)[1])

    def cheapest(self, ladders: Ladders) -> Iterator[Plan]:
        """Of each teacher: one shard, and one epoch over it."""
        yield from cheapest_distillations(ladders, labels=0)

    def order(self, row: TableRow) -> str:
        """See `Strategy.order`."""
        return f"distil {short_name(row['teacher'])} on {on_pool(row)}"

    def noun(self, row: TableRow) -> str:
        """See `Strategy.noun`."""
        return f"distilling {short_name(row['teacher'])} on {on_pool(row)}"

    def bought(self, row: TableRow) -> str:
        """See `Strategy.bought`."""
        return f"U={int(row['pseudo_labels']):,} {short_name(row['teacher'])}"


def check_distillation(question: Question, strategy: str) -> None:
    """Refuse a distillation without pool, labels or teacher.

    Raises:
        UserError: one is missing.
    """
    u = question.axes.get("u")
    if u is None or u < 1:
        raise UserError(f"u: found {u}; {strategy} needs a pool of at least 1 row")
    if question.n == 0:
        raise UserError(
            f"n: found 0; {strategy} fine-tunes a teacher on the labels, so N is at least 1"
        )
    if question.axes.get("teacher") is None:
        raise UserError(f"teacher: missing; {strategy} needs the name of a teacher")


def distilled(
    question: Question, budget_usd: float, teacher: str, labels: int
) -> Plan | Infeasible:
    """Labels, the teacher and the asked pool are paid in full; what is left buys student steps."""
    budget = micro_budget(budget_usd)
    plan = question.plan({"teacher": teacher}, labels=labels)
    plan = plan.with_quantities(teacher=question.limits("teacher", plan)[1])
    plan = plan.with_quantities(pseudo_labels=question.axes["u"])
    return trained_with_the_rest(question, budget, plan)


def unfinished(question: Question, teacher: str, labels: int, rows: int) -> Plan | None:
    """A plan of a search that has everything but the student's steps; None where there are no such rows."""
    supply, owned = question.supply, question.n + labels
    if owned > supply.labels(rows) or rows > supply.pool(owned):
        return None
    plan = question.plan({"teacher": teacher}, labels=labels)
    teacher_steps = question.limits("teacher", plan)[1]
    return plan.with_quantities(teacher=teacher_steps, pseudo_labels=rows)


def distillations(ladders: Ladders, teacher: str, labels: int) -> Iterator[Plan]:
    """Every pool and length of training with one teacher and so many bought labels that the budget pays for."""
    question = ladders.question
    return on_every_pool(ladders, partial(unfinished, question, teacher, labels))


def cheapest_distillations(ladders: Ladders, labels: int) -> Iterator[Plan]:
    """Of each teacher the smallest pool and one epoch over it."""
    question = ladders.question
    for teacher in question.teachers:
        yield from on_the_smallest_pool(ladders, partial(unfinished, question, teacher, labels))


def on_pool(row: TableRow) -> str:
    """The pool, in words."""
    return f"{int(row['pseudo_labels']):,} pseudo-labels"
