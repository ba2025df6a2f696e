"""Labels of an LLM behind an endpoint, paid by the token."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from raydoa.errors import UserError
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
from raydoa.llm.answer import Answer
from raydoa.llm.reading import Read, read
from raydoa.llm.tokens import Usage
from raydoa.models.objective import Objective
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import LLM, PseudoLabel, TextForm
from raydoa.tasks.data import Row, TaskRows

if TYPE_CHECKING:
    from raydoa.labels.asking import Asking
    from raydoa.training.soft_labels import LabelledRow, ShardFacts

_REASONS = 3


class LlmSource(LabelSource):
    """See `LabelSource`."""

    name = LLM

    def quote(self, rows: int, form: TextForm) -> Quote:
        return Quote("row", rows)

    def open(self, shard: PseudoLabel, rows: TaskRows, context: ExecutionContext) -> Labeller:
        """See `LabelSource.open`."""
        from raydoa.labels.asking import Asking

        asking = Asking(shard.source, shard.data.task, rows, shard.seed, context)
        return LlmLabeller(asking, shard.objective)


class LlmLabeller(Labeller):
    """An LLM that is asked; soft labels are over the classes of ``objective``."""

    def __init__(self, asking: "Asking", objective: Objective | None) -> None:
        self._asking = asking
        self._objective = objective

    def order(self, shard: PseudoLabel, rows: Sequence[Row]) -> bool:
        if self._asking.llm.spec.batch:
            self._asking.order(rows, _what(shard), shard.start)
        return self._asking.llm.spec.batch

    def collect(self, ticket: Ticket) -> Collected:
        shard, form, what = ticket.shard, self._asking.inquiry.form, _what(ticket.shard)
        answered = self._asking.answers(ticket.rows, what, shard.start)
        reads = {row.id: read(answered.answers[row.id], row.source, form) for row in ticket.rows}
        self._refuse_rubbish(reads, what)
        rows = [row for row in ticket.rows if reads[row.id].text is not None]
        labelled = tuple(self._labelled(row, reads[row.id]) for row in rows)
        bills = answered.bills()
        outcomes = tuple(_outcome(row, reads[row.id], bills[row.id]) for row in ticket.rows)
        usage = [outcome.usage for outcome in outcomes]
        facts = {
            "micro_usd": sum(outcome.micro_usd or 0 for outcome in outcomes),
            "spent_micro_usd": answered.spent_micro_usd,
            "input_tokens": sum(one.input for one in usage),
            "cached_tokens": sum(one.cached for one in usage),
            "output_tokens": sum(one.output for one in usage),
        }
        return Collected(labelled, self._facts(shard), outcomes, facts)

    def _refuse_rubbish(self, reads: dict[str, Read], what: str) -> None:
        """Raises `UserError`: more rows than the spec allows have no usable answer."""
        spec = self._asking.llm.spec
        refused = Counter(one.reason for one in reads.values() if one.text is None)
        # One of a last shard's few rows says nothing of the LLM.
        if refused.total() > max(1, spec.most_refused * len(reads)):
            reasons = "; ".join(f"{n:,} {why}" for why, n in refused.most_common(_REASONS))
            raise UserError(
                f"LLM {spec.name}: {what}: {refused.total() / len(reads):.0%} of the answers cannot be used, more than most_refused "
                f"({spec.most_refused:.0%}): {reasons}. What was paid is kept: raise most_refused to learn from the others, or "
                "ask otherwise"
            )

    def _labelled(self, row: Row, label: Read) -> "LabelledRow":
        assert label.text is not None
        if self._objective is None:
            return written(row, label.text)
        import torch

        from raydoa.training.soft_labels import ClassLabels, LabelledRow

        (place,) = self._objective.ids([label.text])
        if label.log_probs is None:
            # What is certain: a finite number, since a divergence multiplies it.
            log_probs = [0.0 if i == place else _NEVER for i in range(len(self._objective.names))]
        else:
            log_probs = list(label.log_probs)
        soft = ClassLabels(torch.tensor([log_probs]))
        return LabelledRow(row.id, row.source, (place,), soft, label.text)

    def _facts(self, shard: PseudoLabel) -> "ShardFacts":
        if self._objective is None:
            return text_facts(shard)
        from raydoa.training.soft_labels import ShardFacts

        return ShardFacts(
            kind="classes",
            dtype="",
            vocabulary=len(self._objective.names),
            temperature=None,
            teacher=shard.model,
            teacher_content="",
            tokenizer=self._objective.fingerprint,
        )


def _what(shard: PseudoLabel) -> str:
    return f"pool rows {shard.start} to {shard.stop - 1}"


_NEVER = -20.0
"""Log-probability of a class that a hard label rules out."""


def _outcome(row: Row, label: Read, bill: Sequence[Answer]) -> RowOutcome:
    usage, cost = sum((a.usage for a in bill), Usage()), sum(a.micro_usd for a in bill)
    if label.text is not None:
        return RowOutcome(row.id, "labelled", usage=usage, micro_usd=cost)
    return RowOutcome(row.id, "refused", label.reason, usage, cost)
