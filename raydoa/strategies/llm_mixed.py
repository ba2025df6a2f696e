"""`llm_mixed`: buy labels from people as well, and train the student on those, the LLM's, and the ones that are owned."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.costs.reasons import only_in_hand
from raydoa.costs.tariffs import micro_budget
from raydoa.strategies.label_share import labels_there, share_of_labels, share_short_of_labels
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.llm_rows import asked_of, by_llm, in_short, no_such_rows, with_llm
from raydoa.strategies.strategy import Axes, Strategy, TableRow, check_question, in_labels
from raydoa.strategies.student_last import (
    on_every_pool,
    on_the_smallest_pool,
    trained_with_the_rest,
)


class LlmMixedStrategy(Strategy):
    """A share of the budget buys labels; U rows of an LLM's are paid in full, and the rest buys student steps."""

    name = "llm_mixed"
    colour = "#0072B2"
    marker = "v"

    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        """What `llm_annotate` varies, and the share of the budget that labels get."""
        return {
            "u": grid.u,
            "llm": grid.llms,
            "shots": grid.shots,
            "label_share": grid.label_shares,
        }

    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        """See `Strategy.plan`."""
        check_question(question, budget_usd)
        asked, rows = asked_of(question, self.name), question.axes["u"]
        choices = {"llm": asked[0]}
        labels = min(share_of_labels(question, budget_usd), labels_there(question, choices))
        short = self.short_of_labels(question, budget_usd)
        if short is not None and question.supply.sale == "in_hand":
            return only_in_hand(short)
        plan = with_llm(question, asked, rows, labels=labels)
        if plan is None:
            return no_such_rows(question, rows, labels)
        return trained_with_the_rest(question, micro_budget(budget_usd), plan)

    def short_of_labels(self, question: Question, budget_usd: float) -> str | None:
        """See `Strategy.short_of_labels`; where the share is open, it can be one for which there are labels."""
        llm = question.axes.get("llm")
        return share_short_of_labels(question, budget_usd, {} if llm is None else {"llm": llm})

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        """Every LLM, purchase, pool and length of training."""
        for asked in ladders.question.llms:
            for labels in filter(None, ladders.purchases):
                yield from on_every_pool(
                    ladders,
                    partial(with_llm, ladders.question, asked, labels=labels),
                )

    def cheapest(self, ladders: Ladders) -> Iterator[Plan]:
        """Of each LLM: one label, one shard, and one epoch over both."""
        for asked in ladders.question.llms:
            yield from on_the_smallest_pool(
                ladders, partial(with_llm, ladders.question, asked, labels=1)
            )

    def chosen(self, choices: Mapping[str, str]) -> str:
        """See `Strategy.chosen`."""
        return in_short(choices)

    def order(self, row: TableRow) -> str:
        """See `Strategy.order`."""
        return f"buy {in_labels(row['labels'])} and train on them and {by_llm(row)}"

    def noun(self, row: TableRow) -> str:
        """See `Strategy.noun`."""
        return f"buying {in_labels(row['labels'])} and training on them and {by_llm(row)}"

    def bought(self, row: TableRow) -> str:
        """See `Strategy.bought`."""
        return f"+{in_labels(row['labels'])}, {by_llm(row)}"
