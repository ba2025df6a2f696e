"""What a build needs beside the stage: the store and the rows (`raydoa.pipeline.opened_models`: the models)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydoa import __version__
from raydoa.llm.in_use import Doors, LlmInUse
from raydoa.pipeline.beginnings import TaskData
from raydoa.pipeline.host_info import host_info
from raydoa.pipeline.stages import Distill, FineTune, PseudoLabel, TextForm
from raydoa.store.key import Stage
from raydoa.store.record import Record
from raydoa.store.store import MissingArtifact, Store
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.task import TaskSpec
from raydoa.training.recipe import Execution

if TYPE_CHECKING:
    from raydoa.models.family import Model
    from raydoa.training.batches import Example

logger = logging.getLogger(__name__)

Facts = dict[str, Any]


@dataclass(frozen=True)
class ExecutionContext:
    """What a build needs beside the stage; nothing here decides what comes out.

    Attributes:
        store: where artifacts are read and published.
        tasks: where the rows of a task are read from, by the task's name.
        data_root: folder that the locations in tasks are relative to.
        checkpoints: local folder or hub name of models that are not made here, by fingerprint.
        execution: device, micro-batches, memory savers.
        train_folder: where a training keeps its place; None: one that is interrupted starts again.
        gpu_share: the part of a GPU that this process has; several small trainings may share one.
        llms: the LLMs that may be asked, by name.
        account: the account in the store that they are paid from.
        doors: where a cluster's processes go before they ask one; None: this process asks alone.
        made_for: written into the provenance of what is made: sweep and cell.
    """

    store: Store
    tasks: Mapping[str, TaskSpec]
    data_root: str | None
    checkpoints: Mapping[str, str]
    execution: Execution
    train_folder: str | None = None
    gpu_share: float = 1.0
    llms: Mapping[str, LlmInUse] = field(default_factory=dict)
    account: str = "default"
    doors: Doors | None = None
    made_for: Mapping[str, str] = field(default_factory=dict)


TOKEN_FOLDER = "token_ids"
"""In a train folder: the sources and texts of pools as token ids (`raydoa.pipeline.distill_rows`)."""


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


def record_of(stage: Stage, context: ExecutionContext) -> Record:
    """The record of a stage that was made before.

    Raises:
        MissingArtifact: it is gone since.
        DamagedArtifact: it cannot be trusted.
    """
    record = context.store.find(stage.key)
    if record is None:
        raise MissingArtifact(f"{context.store.url}: no artifact {stage.key}")
    return record


def open_rows(data: TaskData, context: ExecutionContext) -> TaskRows:
    """The rows of a task that has been imported."""
    from raydoa.tasks.data import load_rows

    return load_rows(context.store.fetch(data.key))


def labelled_examples(
    stage: FineTune | Distill, context: ExecutionContext, model: "Model"
) -> "list[Example]":
    """The gold rows of a training as token ids, and what is written for it by another source."""
    from raydoa.tasks.split import labelled
    from raydoa.training.batches import Example

    assert stage.data is not None, "a distillation without gold rows"
    rows = labelled(open_rows(stage.data, context), stage.seed, stage.labels)
    if isinstance(stage, FineTune):
        rows += [row for shard in stage.written for row in _written_rows(shard, context)]
    form = stage.form
    sources = source_ids(rows, form, model)

    def encoded(length: int) -> list[list[int]]:
        texts = [row.target or "" for row in rows]
        asked = [form.prefix + row.source for row in rows]
        return model.target_ids(texts, length, asked, form.source_length)

    targets = encoded(form.target_length)
    longer = zip(targets, encoded(form.target_length + 1), strict=True)
    if cut := sum(len(whole) > len(target) for target, whole in longer):
        logger.warning(
            "%s: %d of %d targets have more than target_length, %d tokens, and are cut",
            stage.model,
            cut,
            len(rows),
            form.target_length,
        )
    return [
        Example(row.id, source, target)
        for row, source, target in zip(rows, sources, targets, strict=True)
    ]


def _written_rows(stage: PseudoLabel, context: ExecutionContext) -> list[Row]:
    """What a label source wrote for pool rows, as rows with a target."""
    from raydoa.training.shards import Shard

    shard = Shard(context.store.fetch(stage.key))
    ids = shard.row_ids.to_pylist()
    return [Row(*row) for row in zip(ids, shard.sources(), shard.texts(), strict=True)]


def source_ids(rows: Sequence[Row], form: TextForm, model: "Model") -> list[list[int]]:
    """The sources of rows as token ids, behind the task's prefix."""
    return model.source_ids([form.prefix + row.source for row in rows], form.source_length)
