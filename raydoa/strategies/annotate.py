"""`annotate`: buy labels, and train the student on all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.costs.reasons import endless, only_in_hand, short_of_labels, unaffordable
from raydoa.costs.tariffs import NO_LIMIT, micro_budget
from raydoa.errors import UserError
from raydoa.strategies.labels_alone import annotated, paid_labels
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.strategy import (
    Axes,
    Strategy,
    TableRow,
    check_question,
    in_labels,
    short_name,
)


class AnnotateStrategy(Strategy):
    """As many labels as the budget pays for after the student's training on all that are then owned."""

    name = "annotate"
    colour = "#E69F00"
    marker = "o"
    is_baseline = True

    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        """None: it has neither teacher nor pool."""
        return {}

    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        """See `Strategy.plan`."""
        check_question(question, budget_usd)
        if question.n == 0 and question.supply.to_buy(0, 0) == 0:
            raise UserError(
                f"n: found 0 with no labels to buy; {self.name} needs at least one labelled row"
            )
        budget = micro_budget(budget_usd)
        least, there = question.limits("labels", question.plan())
        cheapest = annotated(question, least)
        if question.cost_micro_usd(cheapest) > budget:
            return unaffordable(question.ledger(cheapest), budget)
        short = self.short_of_labels(question, budget_usd)
        if short is not None and question.supply.sale == "in_hand":
            return only_in_hand(short)
        labels = min(paid_labels(question, budget), there)
        if labels > NO_LIMIT // 2:
            raise endless(question)
        return annotated(question, labels)

    def short_of_labels(self, question: Question, budget_usd: float) -> str | None:
        """See `Strategy.short_of_labels`."""
        if question.tariff("labels", ()).is_free:  # Then all that there are are had.
            return None
        paid_for = paid_labels(question, micro_budget(budget_usd))
        there = question.limits("labels", question.plan())[1]
        return short_of_labels("B", paid_for, question) if paid_for > there else None

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        """As many labels as the budget buys and there are, and some smaller purchases."""
        question = ladders.question
        most = min(
            paid_labels(question, ladders.budget_micro_usd),
            question.limits("labels", question.plan())[1],
        )
        for labels in (most, *ladders.purchases):
            plan = annotated(question, labels)
            if ladders.affordable(plan):
                yield plan

    def probes(self, ladders: Ladders) -> Iterator[Plan]:
        """Some of the owned labels."""
        for owned in ladders.owned:
            yield annotated(replace(ladders.question, n=owned), 0)

    def cheapest(self, ladders: Ladders) -> Iterator[Plan]:
        """No label is bought."""
        yield annotated(ladders.question, 0)

    def order(self, row: TableRow) -> str:
        """See `Strategy.order`."""
        if row["labels"]:
            return f"buy {in_labels(row['labels'])}"
        return f"train {short_name(row['student'])} on the labels that are owned"

    def noun(self, row: TableRow) -> str:
        """See `Strategy.noun`."""
        return "annotating"

    def reaches(self, row: TableRow) -> str:
        """See `Strategy.reaches`."""
        return "labels alone reach"

    def bought(self, row: TableRow) -> str:
        """See `Strategy.bought`."""
        return f"+{in_labels(row['labels'])}"
