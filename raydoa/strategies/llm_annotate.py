"""`llm_annotate`: have an LLM label the pool, and train the student on that and on the labels that are owned."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.costs.tariffs import micro_budget
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.llm_rows import (
    asked_of,
    by_llm,
    in_short,
    llm_axes_of,
    no_such_rows,
    with_llm,
)
from raydoa.strategies.strategy import Axes, Strategy, TableRow, check_question
from raydoa.strategies.student_last import (
    on_every_pool,
    on_the_smallest_pool,
    trained_with_the_rest,
)


class LlmAnnotateStrategy(Strategy):
    """U rows at the most that each may cost first; the rest buys student steps, up to the recipe's epochs."""

    name = "llm_annotate"
    colour = "#56B4E9"
    marker = "^"

    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        """LLMs, their shots, and pool sizes."""
        return {"u": grid.u, "llm": grid.llms, "shots": grid.shots}

    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        """See `Strategy.plan`."""
        check_question(question, budget_usd)
        asked, rows = asked_of(question, self.name), question.axes["u"]
        plan = with_llm(question, asked, rows)
        if plan is None:
            return no_such_rows(question, rows)
        return trained_with_the_rest(question, micro_budget(budget_usd), plan)

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        """Every LLM, pool and length of training."""
        for asked in ladders.question.llms:
            yield from on_every_pool(ladders, partial(with_llm, ladders.question, asked))

    def probes(self, ladders: Ladders) -> Iterator[Plan]:
        """Every LLM and pool, on all owned labels: on fewer, an LLM would be shown others and be paid again."""
        question = ladders.question
        for asked, rows in product(question.llms, ladders.pools):
            plan = with_llm(question, asked, rows)
            if plan is not None:
                yield plan.with_quantities(student=question.limits("student", plan)[1])

    def axes_of(self, plan: Plan) -> Mapping[str, Any]:
        """See `Strategy.axes_of`."""
        return llm_axes_of(plan, super().axes_of(plan))

    def cheapest(self, ladders: Ladders) -> Iterator[Plan]:
        """Of each LLM: one shard, and one epoch over it."""
        for asked in ladders.question.llms:
            yield from on_the_smallest_pool(ladders, partial(with_llm, ladders.question, asked))

    def chosen(self, choices: Mapping[str, str]) -> str:
        """See `Strategy.chosen`."""
        return in_short(choices)

    def order(self, row: TableRow) -> str:
        """See `Strategy.order`."""
        return f"train on {by_llm(row)}"

    def noun(self, row: TableRow) -> str:
        """See `Strategy.noun`."""
        return f"training on {by_llm(row)}"

    def bought(self, row: TableRow) -> str:
        """See `Strategy.bought`."""
        return by_llm(row)
