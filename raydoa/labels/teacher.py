"""Labels of a fine-tuned model: its greedy targets and, unless text is asked for, its distributions."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from raydoa.labels.source import Collected, Labeller, LabelSource, Quote, RowOutcome, Ticket
from raydoa.models.family import Opening
from raydoa.models.objective import Objective
from raydoa.pipeline.context import ExecutionContext, record_of, source_ids
from raydoa.pipeline.opened_models import open_model
from raydoa.pipeline.stages import FineTune, PseudoLabel, TextForm
from raydoa.tasks.data import Row, TaskRows

if TYPE_CHECKING:
    import torch

    from raydoa.training.batches import Example
    from raydoa.training.soft_labels import Generated
    from raydoa.training.sparse import Sparsity


class TeacherSource(LabelSource):
    """See `LabelSource`."""

    name = "teacher"
    needs_gpu = True

    def quote(self, rows: int, form: TextForm) -> Quote:
        return Quote("labelled row", rows)

    def open(self, shard: PseudoLabel, rows: TaskRows, context: ExecutionContext) -> Labeller:
        """See `LabelSource.open`: the teacher is loaded once."""
        assert shard.teacher is not None, "a teacher's shard names it"
        return TeacherLabeller(shard.teacher, context, shard.objective)


class TeacherLabeller(Labeller):
    """A teacher that is open: as it was trained, or with an ``objective`` whose classes it scores."""

    def __init__(
        self, teacher: FineTune, context: ExecutionContext, objective: Objective | None = None
    ) -> None:
        self._context = context
        self._teacher = teacher
        self._model = open_model(
            teacher,
            context,
            Opening(
                objective or teacher.objective, precision=teacher.recipe.precision, spread=True
            ),
        )
        self._model.network.eval()
        self._content = record_of(teacher, context).content

    @property
    def head(self) -> "torch.Tensor":
        """The output head ``[outputs, width]``, where the teacher has it."""
        return self._model.head

    def collect(self, ticket: Ticket) -> Collected:
        from raydoa.training.soft_labels import (
            ClassLabels,
            HiddenLabels,
            LabelledRow,
            ShardFacts,
            SoftLabels,
            WrittenLabels,
        )
        from raydoa.training.sparse import sparsify

        shard, kind = ticket.shard, ticket.shard.representation.kind
        sources = {row.id: row.source for row in ticket.rows}
        sparsity = self._sparsity(shard)
        temperature = shard.sparsity.recipe.temperature if shard.sparsity is not None else None

        def soft(row: "Generated") -> SoftLabels:
            if kind == "text":
                return WrittenLabels()
            if kind == "classes":
                assert row.log_probs is not None
                return ClassLabels(row.log_probs)
            assert row.states is not None
            if sparsity is None or temperature is None:
                return HiddenLabels(row.states)
            top, samples = sparsity.top, sparsity.samples
            return sparsify(row.states, self.head, temperature, top, samples, row.row_id)

        generated = list(self._generate(ticket.rows, shard.form))
        prefixed = [shard.form.prefix + sources[row.row_id] for row in generated]
        texts = self._model.texts([row.target_ids for row in generated], prefixed)
        facts = ShardFacts(
            kind=kind,
            dtype=shard.representation.dtype,
            vocabulary=self._model.outputs,
            temperature=temperature,
            teacher=f"{shard.model} ({self._teacher.key[:12]})",
            teacher_content=self._content,
            tokenizer=self._model.output_space,
        )
        rows = tuple(
            LabelledRow(row.row_id, sources[row.row_id], row.target_ids, soft(row), text)
            for row, text in zip(generated, texts, strict=True)
        )
        outcomes = tuple(RowOutcome(row.row_id, "labelled") for row in rows)
        return Collected(rows, facts, outcomes, asdict(sparsity) if sparsity else {})

    def exact_examples(self, rows: Sequence[Row], form: TextForm) -> "list[Example]":
        """Rows, in the order given, with everything that the teacher knows about them."""
        from raydoa.training.batches import Example
        from raydoa.training.soft_labels import HiddenLabels

        written = {row.row_id: row for row in self._generate(rows, form)}

        def exact(row: "Generated") -> HiddenLabels:
            assert row.states is not None, "a sparse representation is of tokens"
            return HiddenLabels(row.states)

        return [
            Example(row.id, ids, written[row.id].target_ids, exact(written[row.id]))
            for row, ids in zip(rows, source_ids(rows, form, self._model), strict=True)
        ]

    def _generate(self, rows: Sequence[Row], form: TextForm) -> "Iterator[Generated]":
        """What the teacher writes for ``rows``, in no particular order."""
        from raydoa.training.batches import Example

        sources = source_ids(rows, form, self._model)
        return self._model.generate(
            [Example(row.id, ids, ()) for row, ids in zip(rows, sources, strict=True)],
            most_tokens=form.target_length,
            batch_size=self._context.execution.label_batch_size,
        )

    def _sparsity(self, shard: PseudoLabel) -> "Sparsity | None":
        from raydoa.training.sparse import Sparsity

        if shard.sparsity is None:
            return None
        facts: dict[str, Any] = record_of(shard.sparsity, self._context).facts
        return Sparsity(facts["top"], facts["samples"], facts["cosine"])
