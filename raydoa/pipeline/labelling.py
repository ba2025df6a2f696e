"""A teacher at work: soft labels for shards of the pool, and how much of them must be kept.

`Labeller` holds one teacher and labels shard after shard, so an actor loads it once. `choose` measures, with the
student that will learn from them, how many tokens a sparse representation must keep.
"""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from raydoa.errors import UserError
from raydoa.pipeline.context import (
    ExecutionContext,
    Facts,
    content_of,
    open_model,
    open_rows,
    publish,
    scratch_folder,
    source_ids,
    visible_devices,
)
from raydoa.pipeline.stages import ChooseSparsity, FineTune, PseudoLabel, TextForm
from raydoa.store.record import Record
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.split import pool
from raydoa.training.batches import Example
from raydoa.training.distill import Loss
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.generate import Generated, generate
from raydoa.training.soft_labels import (
    HiddenLabels,
    LabelledRow,
    ShardFacts,
    SoftLabels,
    write_shard,
)
from raydoa.training.sparse import Sparsity, choose_sparsity, sparsify

logger = logging.getLogger(__name__)

_PROBE_BATCHES = 4
_PROBE_STEPS = 200


class Labeller:
    """A teacher that is loaded once."""

    def __init__(self, teacher: FineTune, context: ExecutionContext) -> None:
        self._context = context
        self._model, self._tokenizer = open_model(
            teacher, context, precision=teacher.recipe.precision, spread=True
        )
        self._model.eval()
        self._content = content_of(teacher, context)
        self._head: torch.Tensor = self._model.lm_head.weight.detach()

    def publish(self, stage: PseudoLabel, rows: TaskRows) -> Record:
        """Label the rows of one shard and publish it.

        Raises:
            UnlabelableRow: a row cannot be labelled.
        """
        with scratch_folder() as folder:
            started = time.perf_counter()
            facts = self._write(stage, rows, folder)
            seconds = time.perf_counter() - started
            return publish(
                stage,
                self._context,
                folder,
                facts,
                seconds=seconds,
                devices=visible_devices(self._context),
            )

    def written(self, rows: list[Row], form: TextForm) -> Iterator[Generated]:
        """What the teacher writes for ``rows``, in no particular order."""
        sources = source_ids(rows, form, self._tokenizer)
        return generate(
            self._model,
            [Example(row.id, ids, ()) for row, ids in zip(rows, sources, strict=True)],
            most_tokens=form.target_length,
            batch_size=self._context.execution.label_batch_size,
        )

    def _write(self, stage: PseudoLabel, rows: TaskRows, folder: Path) -> Facts:
        chosen = pool(rows, stage.seed, stage.start, stage.stop)
        texts = {row.id: row.source for row in chosen}
        sparsity, temperature = self._sparsity(stage)
        labelled = [
            LabelledRow(
                row.row_id,
                texts[row.row_id],
                row.target_ids,
                self._soft(row, sparsity, temperature),
            )
            for row in self.written(chosen, stage.form)
        ]
        assert {row.row_id for row in labelled} == set(texts), "every row once"
        facts = ShardFacts(
            kind=stage.representation.kind,
            dtype=stage.representation.dtype,
            d_model=self._head.shape[1],
            vocabulary=self._head.shape[0],
            temperature=temperature,
            teacher=f"{stage.model} ({stage.teacher.key[:12]})",
            teacher_content=self._content,
            tokenizer=self._tokenizer.fingerprint,
        )
        write_shard(labelled, facts, folder)
        kept = (
            {"top": sparsity.top, "samples": sparsity.samples, "cosine": sparsity.cosine}
            if sparsity
            else {}
        )
        tokens = sum(len(row.target_ids) for row in labelled)
        return {"rows": len(labelled), "target_tokens": tokens, **kept}

    def _sparsity(self, stage: PseudoLabel) -> tuple[Sparsity | None, float | None]:
        if stage.sparsity is None:
            return None, None
        record = self._context.store.find(stage.sparsity.key)
        assert record is not None, "a stage's inputs are made before it"
        facts = record.facts
        assert isinstance(facts["top"], int) and isinstance(facts["samples"], int)
        assert isinstance(facts["cosine"], float)
        sparsity = Sparsity(facts["top"], facts["samples"], facts["cosine"])
        return sparsity, stage.sparsity.recipe.temperature

    def _soft(
        self, row: Generated, sparsity: Sparsity | None, temperature: float | None
    ) -> SoftLabels:
        if sparsity is None:
            return HiddenLabels(row.states)
        assert temperature is not None
        return sparsify(
            row.states,
            self._head,
            temperature=temperature,
            top=sparsity.top,
            samples=sparsity.samples,
            row_id=row.row_id,
        )

    def exact_examples(self, rows: list[Row], form: TextForm) -> list[Example]:
        """Rows with everything the teacher knows about them."""
        sources = source_ids(rows, form, self._tokenizer)
        by_id = {row.id: ids for row, ids in zip(rows, sources, strict=True)}
        return [
            Example(g.row_id, by_id[g.row_id], g.target_ids, HiddenLabels(g.states))
            for g in self.written(rows, form)
        ]

    @property
    def head(self) -> torch.Tensor:
        """The output head ``[vocabulary, d_model]``, where the teacher has it."""
        return self._head


def choose(stage: ChooseSparsity, context: ExecutionContext, folder: Path) -> Facts:
    """Measure how many draws this teacher's sparse labels need for this student.

    The student first learns from exact labels for some steps: where it begins, every gradient points the
    same way, and any representation looks faithful.
    """
    recipe = stage.recipe
    task = open_rows(stage.data, context)
    available = len(task.pool) or len(task.train)
    rows = pool(task, stage.seed, 0, min(available, 16 * recipe.batch_size))
    teacher = Labeller(stage.teacher, context)
    examples = teacher.exact_examples(rows, stage.form)
    student, _ = open_model(stage.student, context)
    if student.config.vocab_size != teacher.head.shape[0]:
        raise UserError(
            f"teacher {stage.model} has a vocabulary of {teacher.head.shape[0]} and student {stage.student.model} "
            f"one of {student.config.vocab_size}; distillation needs one vocabulary on both sides"
        )
    loss = Loss(student, teacher_head=teacher.head, temperature=recipe.temperature)
    fit(
        PlainEngine(loss, recipe, _PROBE_STEPS, context.execution.device),
        examples,
        batch_size=recipe.batch_size,
        steps=_PROBE_STEPS,
        seed=stage.seed,
        execution=context.execution,
    )
    size = recipe.batch_size
    probes = [
        examples[i * size : (i + 1) * size] for i in range(_PROBE_BATCHES) if examples[i * size :]
    ]
    found = choose_sparsity(
        student, probes, teacher.head, temperature=recipe.temperature, top=stage.representation.top
    )
    return {"top": found.top, "samples": found.samples, "cosine": found.cosine}
