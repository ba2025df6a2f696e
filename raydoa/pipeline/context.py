"""What a build needs beside the stage: the store, the rows, the models, and the folder to make things in.

torch and transformers are imported when a model is opened, so that planning a sweep stays light.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydoa import __version__
from raydoa.pipeline.host_info import host_info
from raydoa.pipeline.stages import Checkpoint, Distill, FineTune, Initial, TaskData, TextForm
from raydoa.store.key import Stage
from raydoa.store.record import DamagedArtifact, Record
from raydoa.store.storage import room_for
from raydoa.store.store import MissingArtifact, Store
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.task import TaskSpec
from raydoa.training.recipe import Execution

if TYPE_CHECKING:
    from transformers import T5ForConditionalGeneration

    from raydoa.models.tokenizer import Tokenizer
    from raydoa.training.batches import Example

logger = logging.getLogger(__name__)

Facts = dict[str, Any]


@dataclass(frozen=True)
class ExecutionContext:
    """What a maker needs beside the stage; nothing here decides what comes out.

    Attributes:
        store: where artifacts are read and published.
        tasks: where the rows of a task are read from, by the task's name.
        data_root: folder that the locations in tasks are relative to.
        checkpoints: local folder or hub name of models that are not made here, by fingerprint.
        execution: device, micro-batches, memory savers.
        train_folder: where a training keeps its place; None: one that is interrupted starts again.
        gpu_share: the part of a GPU that this process has; several small trainings may share one.
        made_for: written into the provenance of what is made: sweep and cell.
    """

    store: Store
    tasks: Mapping[str, TaskSpec]
    data_root: str | None
    checkpoints: Mapping[str, str]
    execution: Execution
    train_folder: str | None = None
    gpu_share: float = 1.0
    made_for: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder to make an artifact in; it is gone afterwards.

    Raises:
        UserError: the disk of temporary files is full.
    """
    with (
        room_for("what is being made", f"{tempfile.gettempdir()} (TMPDIR)"),
        tempfile.TemporaryDirectory(prefix="raydoa-") as folder,
    ):
        yield Path(folder)


def publish(
    stage: Stage,
    context: ExecutionContext,
    folder: Path,
    facts: Facts,
    *,
    seconds: float,
    devices: int,
) -> Record:
    """Publish what was made in ``folder`` by ``devices`` GPUs (or CPU workers) in ``seconds``."""
    provenance = {
        "seconds": seconds,
        "gpu_seconds": seconds * devices * context.gpu_share,
        "devices": devices,
        "device": context.execution.device,
        **host_info(),
        "raydoa": __version__,
        "made_for": dict(context.made_for),
    }
    return context.store.publish(stage, folder, facts, provenance)


def visible_devices(context: ExecutionContext) -> int:
    """GPUs that this process has to itself; 1 on a machine without."""
    import torch

    return max(1, torch.cuda.device_count()) if context.execution.device == "cuda" else 1


def content_of(stage: Stage, context: ExecutionContext) -> str:
    """The hash of an artifact's files as they are now.

    Raises:
        MissingArtifact: it is gone.
    """
    record = context.store.find(stage.key)
    if record is None:
        raise MissingArtifact(stage.key)
    return record.content


def open_rows(data: TaskData, context: ExecutionContext) -> TaskRows:
    """The rows of a task that has been imported."""
    from raydoa.tasks.data import load_rows

    return load_rows(context.store.fetch(data.key))


def model_folder(stage: Initial | FineTune | Distill, context: ExecutionContext) -> Path:
    """Local folder of a checkpoint: in the store, on disk, or in the hub's cache."""
    if isinstance(stage, Checkpoint):
        from raydoa.models.hub import checkpoint_folder

        return checkpoint_folder(context.checkpoints[stage.fingerprint])
    return context.store.fetch(stage.key)


def open_model(
    stage: Initial | FineTune | Distill,
    context: ExecutionContext,
    *,
    dropout: float = 0.0,
    precision: str = "float32",
    spread: bool = False,
) -> "tuple[T5ForConditionalGeneration, Tokenizer]":
    """A model and its tokenizer, on the context's device.

    ``spread`` is for inference with a model that one GPU may not hold: it is laid over all that are visible.
    """
    import torch

    from raydoa.models.family import load_model
    from raydoa.models.tokenizer import load_tokenizer

    folder = model_folder(stage, context)
    several = spread and context.execution.device == "cuda" and torch.cuda.device_count() > 1
    model = load_model(
        folder,
        dropout=dropout,
        dtype=getattr(torch, precision),
        device_map="auto" if several else None,
    )
    return (model if several else model.to(context.execution.device)), load_tokenizer(folder)


def labelled_examples(
    stage: FineTune | Distill, context: ExecutionContext, tokenizer: "Tokenizer"
) -> "list[Example]":
    """The gold rows of a training as token ids."""
    from raydoa.tasks.split import labelled
    from raydoa.training.batches import Example

    assert stage.data is not None, "a distillation without gold rows"
    rows = labelled(open_rows(stage.data, context), stage.seed, stage.labels)
    sources = source_ids(rows, stage.form, tokenizer)
    targets = tokenizer.encode([row.target or "" for row in rows], stage.form.target_length)
    return [
        Example(row.id, source, target)
        for row, source, target in zip(rows, sources, targets, strict=True)
    ]


def distill_examples(
    stage: Distill, context: ExecutionContext, tokenizer: "Tokenizer", vocabulary: int
) -> "tuple[list[Example], list[Example]]":
    """The rows of a distillation as token ids: those that are learnt from first, and those after them.

    Args:
        stage: whose shards and gold rows are read.
        context: where they lie.
        tokenizer: the student's.
        vocabulary: ids of the student's head.

    Raises:
        UserError: teacher and student do not share their vocabulary.
        DamagedArtifact: a shard was written by other weights than the teacher has now: it was made again, and its
            head does not belong to those states.
    """
    soft = _soft_examples(stage, context, tokenizer, vocabulary)
    if stage.mixing is None:
        return soft, []
    gold = labelled_examples(stage, context, tokenizer)
    match stage.mixing.gold_order:
        case "mixed":
            return soft + gold, []
        case "gold_first":
            return gold, soft
        case "gold_last":
            return soft, gold


def _soft_examples(
    stage: Distill, context: ExecutionContext, tokenizer: "Tokenizer", vocabulary: int
) -> "list[Example]":
    """The pool rows with their soft labels."""
    from raydoa.training.batches import Example
    from raydoa.training.soft_labels import check_match, read_shard

    _check_shards(stage, context)
    examples: list[Example] = []
    for shard in stage.shards:
        rows, facts = read_shard(context.store.fetch(shard.key))
        check_match(
            facts, student=stage.model, vocabulary=vocabulary, tokenizer=tokenizer.fingerprint
        )
        texts = [stage.form.prefix + row.source for row in rows]
        examples += [
            Example(row.row_id, source, row.target_ids, row.soft)
            for row, source in zip(
                rows, tokenizer.encode(texts, stage.form.source_length), strict=True
            )
        ]
    return examples


def _check_shards(stage: Distill, context: ExecutionContext) -> None:
    """Drop all shards that other weights than the teacher's have written: they are made again in one go."""
    from raydoa.training.soft_labels import read_facts

    teacher = content_of(stage.teacher, context)
    stale: list[DamagedArtifact] = []
    for shard in stage.shards:
        facts = read_facts(context.store.fetch(shard.key))
        record = context.store.find(shard.key)
        if record is not None and facts.teacher_content != teacher:
            why = f"{facts.teacher} wrote it, and was made again since"
            stale.append(DamagedArtifact(shard.key, why, record.folder))
    for damage in stale[1:]:
        logger.warning("%s; it is dropped and made again", damage)
        context.store.drop(damage.key, damage.folder)
    if stale:
        raise stale[0]


def source_ids(rows: Sequence[Row], form: TextForm, tokenizer: "Tokenizer") -> list[list[int]]:
    """The sources of rows as token ids, behind the task's prefix."""
    return tokenizer.encode([form.prefix + row.source for row in rows], form.source_length)
