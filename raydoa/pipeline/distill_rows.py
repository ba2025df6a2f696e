"""The rows that a student learns from: shards of labels, read where they lie, and gold rows.

Sources, and targets that are written anew for a student's tokenizer, become token ids once: `raydoa.pipeline.token_files`.
"""

import hashlib
import logging
from collections.abc import Sequence

import numpy as np

from raydoa.errors import UserError
from raydoa.models.family import Model
from raydoa.pipeline.aligned_rows import TeacherTokens, aligned_shard
from raydoa.pipeline.context import ExecutionContext, labelled_examples, record_of
from raydoa.pipeline.stages import LLM, Distill
from raydoa.pipeline.token_files import encoded, token_folder
from raydoa.store.record import DamagedArtifact
from raydoa.training.batches import Example, JoinedRows, StoredRows
from raydoa.training.shards import EncodedShard, Shard, read_facts
from raydoa.training.soft_labels import check_match
from raydoa.training.tensor_file import RaggedFile

logger = logging.getLogger(__name__)


def distill_rows(
    stage: Distill,
    context: ExecutionContext,
    model: Model,
    tokens: TeacherTokens | None = None,
) -> tuple[Sequence[Example], Sequence[Example]]:
    """The rows of a distillation as token ids: those that are learnt from first, and those after them.

    Args:
        stage: whose shards and gold rows are read.
        context: where they lie.
        model: the student.
        tokens: the teacher's, where labels are aligned.

    Raises:
        UserError: there are soft labels, and teacher and student do not share their vocabulary.
        DamagedArtifact: a shard was written by other weights than the teacher has now: it was made again, and its
            head does not belong to those states.
    """
    soft = _shard_rows(stage, context, model, tokens)
    if stage.mixing is None:
        return soft, []
    gold = labelled_examples(stage, context, model)
    match stage.mixing.gold_order:
        case "mixed":
            return JoinedRows([soft, gold]), []
        case "gold_first":
            return gold, soft
        case "gold_last":
            return soft, gold


def _shard_rows(
    stage: Distill, context: ExecutionContext, model: Model, tokens: TeacherTokens | None
) -> StoredRows:
    _check_teacher(stage, context)
    shards, temperature = [], 1.0
    if stage.pilot is not None:
        found = record_of(stage.pilot, context).facts["temperature"]
        assert isinstance(found, float), "a pilot says its temperature"
        temperature = found
    for labelled in stage.shards:
        of_llm = labelled.source.name == LLM
        shard = Shard(context.store.fetch(labelled.key), temperature if of_llm else 1.0)
        if shard.facts.kind not in ("text", "aligned"):
            check_match(
                shard.facts,
                student=stage.model,
                vocabulary=model.outputs,
                tokenizer=model.output_space,
            )
        shards.append(_encoded_shard(shard, stage, model, tokens, context))
    rows = JoinedRows(shards)
    if not len(rows):
        raise UserError(
            f"{stage.model}: no label of {stage.shards[0].model} is one of the task's classes; there is nothing to learn"
        )
    return rows


def _check_teacher(stage: Distill, context: ExecutionContext) -> None:
    """Drop all shards that other weights than the teacher's have written: they are made again in one go."""
    if stage.teacher is None:
        return
    teacher = record_of(stage.teacher, context).content
    stale: list[DamagedArtifact] = []
    for shard in stage.shards:
        facts = read_facts(context.store.fetch(shard.key))
        record = context.store.find(shard.key)
        if shard.teacher is None or facts.kind == "text":
            continue  # Its text is what it is, whoever the teacher is now.
        if record is not None and facts.teacher_content != teacher:
            why = f"{facts.teacher} wrote it, and was made again since"
            stale.append(DamagedArtifact(shard.key, why, record.folder))
    for damage in stale[1:]:
        logger.warning("%s; it is dropped and made again", damage)
        context.store.drop(damage.key, damage.folder)
    if stale:
        raise stale[0]


def _encoded_shard(
    shard: Shard,
    stage: Distill,
    model: Model,
    tokens: TeacherTokens | None,
    context: ExecutionContext,
) -> EncodedShard:
    """A shard with the token ids that ``model`` reads; only one shard's texts are in memory at a time."""
    form = stage.form
    # In the order of their ids: whoever labelled them, the same rows have the same file.
    ids, sources = shard.row_ids.to_pylist(), shard.sources()
    by_id = sorted(range(len(ids)), key=ids.__getitem__)
    order = np.empty(len(ids), dtype=np.int32)
    order[by_id] = np.arange(len(ids), dtype=np.int32)
    prefixed = [form.prefix + sources[index] for index in by_id]
    ids_of_sources = encoded(
        token_folder(context),
        f"source {model.input_space}",
        prefixed,
        form.source_length,
        model.source_ids,
    )
    if shard.facts.kind == "text":
        return _written_shard(shard, sources, ids_of_sources, order, stage, model, context)
    if shard.facts.kind == "aligned":
        assert tokens is not None, "aligned labels need the teacher's tokens"
        return aligned_shard(shard, sources, ids_of_sources, order, stage, model, tokens, context)
    return EncodedShard(shard, ids_of_sources, order, shard.targets)


def _written_shard(
    shard: Shard,
    sources: Sequence[str],
    ids_of_sources: RaggedFile,
    order: np.ndarray,
    stage: Distill,
    model: Model,
    context: ExecutionContext,
) -> EncodedShard:
    """A shard of text, without the rows whose text ``model`` cannot say."""
    form = stage.form
    texts = shard.texts()
    kept = [index for index, text in enumerate(texts) if model.can_say(text)]
    left_out = set(range(len(texts))) - set(kept)
    if left_out:
        what = f"{len(left_out)} of {len(texts)} rows are left out"
        odd = texts[min(left_out)]
        logger.warning(
            "%s: %s: it wrote what is no class, such as %r", shard.facts.teacher, what, odd
        )
    said = [texts[index] for index in kept]
    asked = [form.prefix + sources[index] for index in kept]
    # Tags are of the tokens of a source.
    of = hashlib.sha256("\0".join([str(form.source_length), *asked]).encode()).hexdigest()
    targets = encoded(
        token_folder(context),
        f"target {model.output_space} of {of}",
        said,
        form.target_length,
        lambda texts, length: model.target_ids(texts, length, asked, form.source_length),
    )
    return EncodedShard(shard, ids_of_sources, order, targets, np.array(kept, dtype=np.int64))
