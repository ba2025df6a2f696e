"""`mixed`: buy labels as well, from which teacher and student both learn, and distil with the rest."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.costs.reasons import only_in_hand
from raydoa.costs.tariffs import largest
from raydoa.strategies.distill import (
    DistillStrategy,
    cheapest_distillations,
    check_distillation,
    distillations,
    distilled,
    on_pool,
    unfinished,
)
from raydoa.strategies.label_share import labels_there, share_of_labels, share_short_of_labels
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.strategy import (
    Axes,
    Strategy,
    TableRow,
    check_question,
    in_labels,
    short_name,
)

_WITHOUT_LABELS = DistillStrategy()
"""What a share that buys no label comes to."""


class MixedStrategy(Strategy):
    """A share of the budget buys labels; teacher and pool are paid in full, and the rest buys student steps."""

    name = "mixed"
    marker = "D"

    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        """What `distill` varies, and the share of the budget that labels get."""
        return {"u": grid.u, "teacher": grid.teachers, "label_share": grid.label_shares}

    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        """See `Strategy.plan`."""
        check_question(question, budget_usd)
        check_distillation(question, self.name)
        teacher = question.axes["teacher"]
        paid_for = share_of_labels(question, budget_usd)
        short = self.short_of_labels(question, budget_usd)
        if short is not None and question.supply.sale == "in_hand":
            return only_in_hand(short)
        labels = min(paid_for, labels_there(question, {"teacher": teacher}))
        return distilled(question, budget_usd, teacher, labels)

    def short_of_labels(self, question: Question, budget_usd: float) -> str | None:
        """See `Strategy.short_of_labels`; where the share is open, it can be one for which there are labels."""
        teacher = question.axes.get("teacher")
        choices = {} if teacher is None else {"teacher": teacher}
        return share_short_of_labels(question, budget_usd, choices)

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        """Every teacher, purchase, pool and length of training."""
        for teacher in ladders.question.teachers:
            for labels in ladders.purchases:
                if labels:
                    yield from distillations(ladders, teacher, labels)

    def cheapest(self, ladders: Ladders) -> Iterator[Plan]:
        """Of each teacher: one label, one shard, and one epoch over both."""
        yield from cheapest_distillations(ladders, labels=1)

    def refined(self, ladders: Ladders, plan: Plan) -> Iterator[Plan]:
        """The same with as many labels as the money left buys; where labels come from the pool, it makes room."""
        question = ladders.question
        teacher, bought = plan.choice("teacher"), plan.quantity("labels")
        assert teacher is not None, f"{plan} has no teacher"
        share = plan.quantity("student") / question.limits("student", plan)[1]

        def with_labels(labels: int) -> Plan | None:
            pool = question.supply.pool(question.n + labels)
            rows = min(plan.quantity("pseudo_labels"), pool - pool % question.shard_rows)
            more = unfinished(question, teacher, labels, rows) if rows else None
            if more is None:
                return None
            return more.with_quantities(student=round(share * question.limits("student", more)[1]))

        def payable(labels: int) -> bool:
            more = with_labels(labels)
            return more is not None and ladders.affordable(more)

        there = question.limits("labels", plan)[1]
        affordable = question.tariff("labels", ()).affordable(ladders.budget_micro_usd)
        labels = largest(bought, min(bought + affordable, there), payable)
        more = with_labels(labels) if labels > bought else None
        if more is not None:
            yield more

    def order(self, row: TableRow) -> str:
        """See `Strategy.order`."""
        if not row["labels"]:
            return _WITHOUT_LABELS.order(row)
        return f"buy {in_labels(row['labels'])} and distil {short_name(row['teacher'])} on {on_pool(row)}"

    def noun(self, row: TableRow) -> str:
        """See `Strategy.noun`."""
        if not row["labels"]:
            return _WITHOUT_LABELS.noun(row)
        return (
            f"buying {in_labels(row['labels'])} and distilling {short_name(row['teacher'])} "
            f"on {on_pool(row)}"
        )

    def bought(self, row: TableRow) -> str:
        """See `Strategy.bought`."""
        pool = f"U={int(row['pseudo_labels']):,} {short_name(row['teacher'])}"
        return f"+{in_labels(row['labels'])} {pool}"
