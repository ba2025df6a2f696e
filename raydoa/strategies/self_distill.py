"""`self_distill`: the control. The student is its own teacher, so what is gained does not come from a larger model."""

from collections.abc import Mapping, Sequence
from typing import Any

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.errors import UserError
from raydoa.strategies.distill import check_distillation, distilled, on_pool
from raydoa.strategies.strategy import Axes, Strategy, TableRow, check_question, short_name


class SelfDistillStrategy(Strategy):
    """The same as `distill`, with the student as its own teacher. No search proposes it."""

    name = "self_distill"
    colour = "#7F7F7F"
    marker = "^"

    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        """Pool sizes."""
        return {"u": grid.u, "teacher": (student,)}

    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        """See `Strategy.plan`."""
        check_question(question, budget_usd)
        check_distillation(question, self.name)
        teacher = question.axes["teacher"]
        if teacher != question.student:
            raise UserError(
                f"teacher: found {teacher!r}; in self_distill the student {question.student!r} is its own teacher, "
                "leave it out"
            )
        return distilled(question, budget_usd, teacher, labels=0)

    def order(self, row: TableRow) -> str:
        """See `Strategy.order`."""
        return f"distil {short_name(row['student'])} from itself on {on_pool(row)}"

    def noun(self, row: TableRow) -> str:
        """See `Strategy.noun`."""
        return f"distilling itself on {on_pool(row)}"

    def bought(self, row: TableRow) -> str:
        """See `Strategy.bought`."""
        return f"U={int(row['pseudo_labels']):,}"
