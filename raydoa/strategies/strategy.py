"""The interface of a strategy: a way to spend a budget."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from raydoa.costs.items.item import pool_rows
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.errors import UserError
from raydoa.strategies.ladders import Ladders

TableRow = Mapping[Any, Any]
"""A result row, or a plan's columns of one."""


class Axes(Protocol):
    """The values that a grid has on the axes of strategies."""

    @property
    def teachers(self) -> Sequence[str]:
        """Names of models."""
        ...

    @property
    def u(self) -> Sequence[int]:
        """Pool sizes."""
        ...

    @property
    def label_shares(self) -> Sequence[float]:
        """Fractions of the budget for labels."""
        ...

    @property
    def llms(self) -> Sequence[str]:
        """Names of LLMs."""
        ...

    @property
    def shots(self) -> Sequence[int]:
        """Owned labels that an LLM is shown."""
        ...

    @property
    def llm_rows(self) -> Sequence[int]:
        """Pool rows that an LLM labels for a teacher."""
        ...

    @property
    def choices(self) -> Mapping[str, Sequence[Any]]:
        """Axes that plugins add."""
        ...


class Strategy(ABC):
    """One way to spend a budget. What it buys is a plan; nothing else in raydoa asks for its name.

    Attributes:
        name: as in the column ``strategy`` and the flag ``--strategies``.
        colour, marker: of its curves: a hex colour, or None for one a teacher; a matplotlib marker.
        is_baseline: whether other strategies are held against it in sentences.
    """

    name: str
    colour: str | None = None
    marker: str = "s"
    is_baseline: bool = False

    @abstractmethod
    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        """The values of each axis that it varies, by the name that `Question.axes` has for it.

        No values where ``grid.choices`` has none for it, which a sweep refuses: for a plan or a search all axes are open.
        """

    @abstractmethod
    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        """What a budget buys, or why it buys nothing.

        Raises:
            UserError: the question cannot be asked of this strategy, whatever the budget.
        """

    def short_of_labels(self, question: Question, budget_usd: float) -> str | None:
        """Why a budget cannot buy the labels that it is for; None where it can, or is for no certain number of them.

        `plan` is infeasible for that where only labels in hand are for sale, and buys all that there are of people.
        """
        return None

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        """Plans that a search may propose for a budget, in no order, some twice; none unless overridden."""
        return iter(())

    def probes(self, ladders: Ladders) -> Iterator[Plan]:
        """Plans on fewer labels than are owned, which cost little and tell about `proposals`."""
        return iter(())

    def axes_of(self, plan: Plan) -> Mapping[str, Any]:
        """The values of its axes that mean one of its `probes`, by axis; the reverse of `plan`."""
        return {**dict(plan.quantities), **dict(plan.choices), "u": pool_rows(plan)}

    def cheapest(self, ladders: Ladders) -> Iterator[Plan]:
        """For each of its choices the plan of a search that takes the least money, whatever the budget."""
        return iter(())

    def refined(self, ladders: Ladders, plan: Plan) -> Iterator[Plan]:
        """Plans between the rungs that make more of the budget than one of `proposals`; none unless overridden."""
        return iter(())

    def chosen(self, choices: Mapping[str, str]) -> str:
        """What it chooses, for a table: "nano-l"."""
        return " ".join(short_name(value) for value in choices.values())

    @abstractmethod
    def order(self, row: TableRow) -> str:
        """What to do, such as "buy 10 labels and distil nano-l on 3,000 pseudo-labels"."""

    @abstractmethod
    def noun(self, row: TableRow) -> str:
        """What was done, such as "distilling nano-l on 3,000 pseudo-labels"."""

    def reaches(self, row: TableRow) -> str:
        """What was done as the subject of its score: "distilling nano-l on 3,000 pseudo-labels reaches"."""
        return f"{self.noun(row)} reaches"

    @abstractmethod
    def bought(self, row: TableRow) -> str:
        """What was bought, for a table: "+10 labels U=3,000 nano-l"."""


def check_question(question: Question, budget_usd: float) -> None:
    """Refuse numbers that no strategy can plan with.

    Raises:
        UserError: one is out of range.
    """
    if not (math.isfinite(budget_usd) and budget_usd >= 0):
        raise UserError(f"budget: found {budget_usd}; it is in dollars, at least 0")
    if question.n < 0:
        raise UserError(f"n: found {question.n}; it counts labelled examples, at least 0")


def short_name(model: str) -> str:
    """A model's name without its owner or folder."""
    return model.rstrip("/").rsplit("/", 1)[-1]


def in_labels(count: int) -> str:
    """So many labels, in words."""
    return f"{count:,} label" + ("" if count == 1 else "s")
