"""Labels that are in hand and were hidden: those of the task's own labelled rows, for research and back-tests."""

from raydoa.labels.source import (
    Collected,
    Labeller,
    LabelSource,
    Quote,
    RowOutcome,
    Ticket,
    text_facts,
    written,
)
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import PseudoLabel, TextForm
from raydoa.tasks.data import TaskRows


class GoldSource(LabelSource):
    """See `LabelSource`."""

    name = "gold"

    def quote(self, rows: int, form: TextForm) -> Quote:
        return Quote("label", rows)

    def open(self, shard: PseudoLabel, rows: TaskRows, context: ExecutionContext) -> Labeller:
        return _Targets({row.id: row.target for row in (*rows.train, *rows.pool) if row.target})


class _Targets(Labeller):
    def __init__(self, targets: dict[str, str]) -> None:
        self._targets = targets

    def collect(self, ticket: Ticket) -> Collected:
        """See `Labeller.collect`; a row of a pool without labels is refused."""
        labelled = [row for row in ticket.rows if row.id in self._targets]
        return Collected(
            rows=tuple(written(row, self._targets[row.id]) for row in labelled),
            facts=text_facts(ticket.shard),
            outcomes=tuple(
                RowOutcome(row.id, "labelled")
                if row.id in self._targets
                else RowOutcome(row.id, "refused", "it has no label")
                for row in ticket.rows
            ),
        )
