"""`annotate`: buy labels, and train the student on all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.costs.reasons import unaffordable
from raydoa.costs.tariffs import largest, micro_budget
from raydoa.errors import UserError
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
        if question.n == 0 and question.supply.labels(0) == 0:
            raise UserError(
                f"n: found 0 with no labels to buy; {self.name} needs at least one labelled row"
            )
        budget = micro_budget(budget_usd)
        least, in_hand = question.limits("labels", question.plan())
        cheapest = annotated(question, least)
        if question.cost_micro_usd(cheapest) > budget:
            return unaffordable(question.ledger(cheapest), budget)
        most = min(in_hand, question.tariff("labels", ()).affordable(budget))

        def affordable(labels: int) -> bool:
            return question.cost_micro_usd(annotated(question, labels)) <= budget

        return annotated(question, largest(least, most, affordable))

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        """As many labels as the budget buys, and some smaller purchases."""
        question = ladders.question
        most = self.plan(replace(question, axes={}), ladders.budget_usd)
        if isinstance(most, Infeasible):
            return
        yield most
        for labels in ladders.purchases:
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


def annotated(question: Question, labels: int) -> Plan:
    """The plan that buys so many labels and trains the student on all."""
    plan = question.plan(labels=labels)
    return plan.with_quantities(student=question.limits("student", plan)[1])
