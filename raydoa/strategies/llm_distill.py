"""`llm_distill`: an LLM's labels fine-tune a teacher, with the labels that are owned, and the teacher is distilled."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.costs.tariffs import micro_budget
from raydoa.strategies.distill import check_distillation, on_pool
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.llm_rows import (
    LlmShots,
    asked_of,
    by_llm,
    in_short,
    llm_axes_of,
    no_such_rows,
    with_llm,
)
from raydoa.strategies.strategy import Axes, Strategy, TableRow, check_question, short_name
from raydoa.strategies.student_last import (
    on_every_pool,
    on_the_smallest_pool,
    trained_with_the_rest,
)


class LlmDistillStrategy(Strategy):
    """The LLM's rows, the teacher's fine-tuning and U pseudo-labels first; the rest buys student steps."""

    name = "llm_distill"
    marker = "X"

    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        """What `distill` varies, LLMs, their shots, and how many rows they label for the teacher."""
        return {
            "u": grid.u, "teacher": grid.teachers, "llm": grid.llms, "shots": grid.shots, "llm_rows": grid.llm_rows,
        }  # fmt: skip

    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        """See `Strategy.plan`."""
        check_question(question, budget_usd)
        check_distillation(question, self.name)
        asked, axes = asked_of(question, self.name), question.axes
        plan = _taught(question, asked, axes["teacher"], axes["llm_rows"], axes["u"])
        if plan is None:
            return no_such_rows(question, max(axes["llm_rows"], axes["u"]))
        return trained_with_the_rest(question, micro_budget(budget_usd), plan)

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        """Every LLM, number of its rows, teacher, pool and length of training."""
        question = ladders.question
        for asked in question.llms:
            for teacher in question.teachers:
                for llm_rows in ladders.pools:
                    yield from on_every_pool(
                        ladders,
                        partial(_taught, question, asked, teacher, llm_rows),
                    )

    def probes(self, ladders: Ladders) -> Iterator[Plan]:
        """Every LLM, teacher and pool, all of which the LLM labels for the teacher, on all owned labels."""
        question = ladders.question
        for asked, teacher, rows in product(question.llms, question.teachers, ladders.pools):
            plan = _taught(question, asked, teacher, rows, rows)
            if plan is not None:
                yield plan.with_quantities(student=question.limits("student", plan)[1])

    def axes_of(self, plan: Plan) -> Mapping[str, Any]:
        """See `Strategy.axes_of`."""
        return llm_axes_of(plan, super().axes_of(plan))

    def cheapest(self, ladders: Ladders) -> Iterator[Plan]:
        """Of each LLM and teacher: one shard for each, and one epoch."""
        question = ladders.question
        for asked in question.llms if ladders.pools else ():
            for teacher in question.teachers:
                yield from on_the_smallest_pool(
                    ladders, partial(_taught, question, asked, teacher, ladders.pools[0])
                )

    def chosen(self, choices: Mapping[str, str]) -> str:
        """See `Strategy.chosen`."""
        return in_short(choices)

    def order(self, row: TableRow) -> str:
        """See `Strategy.order`."""
        return f"distil {short_name(row['teacher'])}, trained on {by_llm(row)}, on {on_pool(row)}"

    def noun(self, row: TableRow) -> str:
        """See `Strategy.noun`."""
        return (
            f"distilling {short_name(row['teacher'])}, trained on {by_llm(row)}, on {on_pool(row)}"
        )

    def bought(self, row: TableRow) -> str:
        """See `Strategy.bought`."""
        pool = f"U={int(row['pseudo_labels']):,} {short_name(row['teacher'])}"
        return f"{by_llm(row)}, {pool}"


def _taught(
    question: Question, asked: LlmShots, teacher: str, llm_rows: int, u: int
) -> Plan | None:
    """All but the student's steps; None where there are no such rows."""
    plan = with_llm(question, asked, llm_rows, "teacher", teacher=teacher)
    if plan is None or u > question.supply.pool(question.n):
        return None
    plan = plan.with_quantities(teacher=question.limits("teacher", plan)[1])
    return plan.with_quantities(pseudo_labels=u)
