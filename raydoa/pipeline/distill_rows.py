"""The rows that a student learns from: shards of labels, read where they lie, and gold rows.

Sources become token ids once for each tokenizer: they are kept in files that are named by a hash of the texts and of
what encodes them, beside the checkpoints of trainings, so that all students of a task on a machine (or on a cluster's
shared disk) share them. A file's name holds its own checksum as well, and one that is not what it was is written again.
Where a context has no such folder, they last as long as the process.
"""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from raydoa.errors import UserError
from raydoa.models.family import Model
from raydoa.pipeline.context import TOKEN_FOLDER, ExecutionContext, labelled_examples, record_of
from raydoa.pipeline.scratch import folder_of_process
from raydoa.pipeline.stages import Distill, TextForm
from raydoa.store.local_storage import sync
from raydoa.store.record import DamagedArtifact
from raydoa.store.storage import measure_stream, room_for
from raydoa.training.batches import Example, JoinedRows, StoredRows
from raydoa.training.shards import EncodedShard, Shard, read_facts
from raydoa.training.soft_labels import check_match
from raydoa.training.tensor_file import RaggedFile, write_ragged

logger = logging.getLogger(__name__)


def distill_rows(
    stage: Distill, context: ExecutionContext, model: Model
) -> tuple[Sequence[Example], Sequence[Example]]:
    """The rows of a distillation as token ids: those that are learnt from first, and those after them.

    Args:
        stage: whose shards and gold rows are read.
        context: where they lie.
        model: the student.

    Raises:
        UserError: there are soft labels, and teacher and student do not share their vocabulary.
        DamagedArtifact: a shard was written by other weights than the teacher has now: it was made again, and its
            head does not belong to those states.
    """
    soft = _shard_rows(stage, context, model)
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


def _shard_rows(stage: Distill, context: ExecutionContext, model: Model) -> StoredRows:
    _check_teacher(stage, context)
    shards = []
    for labelled in stage.shards:
        shard = Shard(context.store.fetch(labelled.key))
        if shard.facts.kind != "text":
            check_match(
                shard.facts,
                student=stage.model,
                vocabulary=model.outputs,
                tokenizer=model.output_space,
            )
        shards.append(_encoded_shard(shard, stage.form, model, context))
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
    shard: Shard, form: TextForm, model: Model, context: ExecutionContext
) -> EncodedShard:
    """A shard with the token ids that ``model`` reads; only one shard's texts are in memory at a time."""
    folder = _token_folder(context)
    # In the order of their ids: whoever labelled them, the same rows have the same file.
    ids, sources = shard.row_ids.to_pylist(), shard.sources()
    by_id = sorted(range(len(ids)), key=ids.__getitem__)
    order = np.empty(len(ids), dtype=np.int32)
    order[by_id] = np.arange(len(ids), dtype=np.int32)
    prefixed = [form.prefix + sources[index] for index in by_id]
    encoded = _encoded(
        folder, f"source {model.input_space}", prefixed, form.source_length, model.source_ids
    )
    if shard.facts.kind == "text":
        return _written_shard(shard, sources, encoded, order, form, model, folder)
    return EncodedShard(shard, encoded, order, shard.targets)


def _written_shard(
    shard: Shard,
    sources: Sequence[str],
    encoded: RaggedFile,
    order: np.ndarray,
    form: TextForm,
    model: Model,
    folder: Path,
) -> EncodedShard:
    """A shard of text, without the rows whose text ``model`` cannot say."""
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
    targets = _encoded(
        folder,
        f"target {model.output_space} of {of}",
        said,
        form.target_length,
        lambda texts, length: model.target_ids(texts, length, asked, form.source_length),
    )
    return EncodedShard(shard, encoded, order, targets, np.array(kept, dtype=np.int64))


def _encoded(
    folder: Path,
    space: str,
    texts: Sequence[str],
    length: int,
    encode: Callable[[Sequence[str], int], list[list[int]]],
) -> RaggedFile:
    digest = hashlib.sha256(f"{space}\0{length}".encode())
    for text in texts:
        digest.update(f"\0{len(text)}\0{text}".encode())
    name = digest.hexdigest()[:32]
    for path in folder.glob(f"{name}-*.safetensors"):
        if path.name == _checked_name(name, path):
            return RaggedFile(path)
        logger.warning("%s: does not match its checksum; it is written again", path)
    # Renamed when it is whole and on the disk: others may be at it, and a machine may stop here.
    with room_for("token ids", str(folder)), tempfile.TemporaryDirectory(dir=folder) as aside:
        whole = Path(aside) / name
        write_ragged(whole, encode(texts, length))
        sync(whole)
        return RaggedFile(whole.replace(folder / _checked_name(name, whole)))


def _checked_name(name: str, path: Path) -> str:
    """What a file of token ids is called that holds what is in ``path`` now."""
    with path.open("rb") as stream:
        return f"{name}-{measure_stream(stream).sha256[:16]}.safetensors"


def _token_folder(context: ExecutionContext) -> Path:
    if context.train_folder is None:
        return folder_of_process()
    folder = Path(context.train_folder) / TOKEN_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder
