"""The interface of a label source: rows in, labels out, in shards.

A source is an entry of `raydoa.labels.SOURCES`, without state. What it opens for a shard (`Labeller`) may hold a model
or a connection, and labels many shards. Whoever runs it maps it over shards, in this process or in actors of a cluster:
a source imports no Ray.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from raydoa.llm.tokens import Usage
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import PseudoLabel, TextForm
from raydoa.tasks.data import Row, TaskRows

if TYPE_CHECKING:
    from raydoa.training.soft_labels import LabelledRow, ShardFacts

State: TypeAlias = Literal["labelled", "pending", "refused"]


@dataclass(frozen=True)
class RowOutcome:
    """What became of a row.

    Attributes:
        row_id: the row's.
        state: see `State`.
        reason: why it is not labelled.
        usage: tokens that it took, of an LLM.
        micro_usd: what it cost, labelled or not; None where nobody was paid.
    """

    row_id: str
    state: State
    reason: str = ""
    usage: Usage = field(default_factory=Usage)
    micro_usd: int | None = None


@dataclass(frozen=True)
class Quote:
    """What rows would take, in the source's own unit (a labelled row, a thousand tokens): a cost item prices it."""

    unit: str
    quantity: int


@dataclass(frozen=True)
class Ticket:
    """A shard that has been asked for; asking again for the same shard gives the same ticket."""

    shard: PseudoLabel
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Collected:
    """What a source answered to a ticket.

    Attributes:
        rows: the labelled rows, in any order.
        facts: who wrote them, over which output space.
        outcomes: one for each row of the ticket.
        recorded: what stands in the artifact's record beside the number of rows.
    """

    rows: "tuple[LabelledRow, ...]"
    facts: "ShardFacts"
    outcomes: tuple[RowOutcome, ...]
    recorded: dict[str, Any] = field(default_factory=dict)


class Labeller(ABC):
    """A source that is open for the shards of one `PseudoLabel.labeller`."""

    def order(self, shard: PseudoLabel, rows: Sequence[Row]) -> bool:
        """Have others begin with a shard that is asked for and collected later; returns whether it takes such orders.

        Raises:
            UserError: it takes none now.
        """
        return False

    def ask(self, shard: PseudoLabel, rows: Sequence[Row]) -> Ticket:
        """Ask for the labels of a shard's rows, whose targets are hidden. Idempotent; `collect` does all unless overridden."""
        return Ticket(shard, tuple(rows))

    @abstractmethod
    def collect(self, ticket: Ticket) -> Collected:
        """The labels of a ticket, as far as they are there. Raises `UnlabelableRow`: a row cannot be labelled, and should be mended."""


class LabelSource(ABC):
    """Who labels rows.

    Attributes:
        name: as in `SOURCES` and in `SourceConfig`.
        needs_gpu: whether a labeller computes on a GPU, where there are any.
    """

    name: ClassVar[str]
    needs_gpu: ClassVar[bool] = False

    @abstractmethod
    def quote(self, rows: int, form: TextForm) -> Quote:
        """What labelling so many rows would take."""

    @abstractmethod
    def open(self, shard: PseudoLabel, rows: TaskRows, context: ExecutionContext) -> Labeller:
        """A labeller for ``shard`` and all others with the same `PseudoLabel.labeller`; ``rows`` are the task's."""


def text_facts(shard: PseudoLabel) -> "ShardFacts":
    """The facts of a shard of text, whose writer has no weights."""
    from raydoa.training.soft_labels import ShardFacts

    return ShardFacts(
        kind="text",
        dtype="",
        vocabulary=0,
        temperature=None,
        teacher=shard.source.name,
        teacher_content="",
        tokenizer="",
    )


def written(row: Row, text: str) -> "LabelledRow":
    """A row that was labelled with text."""
    from raydoa.training.soft_labels import LabelledRow, WrittenLabels

    return LabelledRow(row.id, row.source, (), WrittenLabels(), text)
