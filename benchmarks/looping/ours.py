"""B: what raydoa trains from the same checkpoint and the same rows; soft labels lie in shards on disk, as a teacher leaves them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from looping.checkpoints import CLASSES, Row
from raydoa.models import FAMILIES
from raydoa.models.family import Model, Opening
from raydoa.models.objective import Objective
from raydoa.training.batches import Example, JoinedRows
from raydoa.training.shards import EncodedShard, Shard, write_shard
from raydoa.training.soft_labels import ClassLabels, LabelledRow, ShardFacts
from raydoa.training.tensor_file import RaggedFile, write_ragged

_LENGTH = 64
_SHARD_ROWS = 500


def open_ours(family: str, folder: Path, *, classes: bool) -> Model:
    """A checkpoint as raydoa opens a student."""
    objective = Objective("classes", CLASSES) if classes else None
    return FAMILIES.get(family).open(folder, Opening(objective=objective))


def gold_examples(model: Model, rows: Sequence[Row]) -> list[Example]:
    """Rows as token ids, in memory."""
    sources, targets = [row.source for row in rows], [row.target for row in rows]
    ids = model.source_ids(sources, _LENGTH)
    wanted = model.target_ids(targets, _LENGTH, sources, _LENGTH)
    return [
        Example(str(index), source, target)
        for index, (source, target) in enumerate(zip(ids, wanted, strict=True))
    ]


def soft_examples(model: Model, rows: Sequence[Row], folder: Path) -> JoinedRows:
    """The same rows with log-probabilities of all classes, read from shards in ``folder``."""
    generator = torch.Generator().manual_seed(0)
    scores = 2 * torch.randn(len(rows), 1, len(CLASSES), generator=generator)
    log_probs = torch.log_softmax(scores, dim=-1)
    shards = [
        _shard(
            model, rows[start : start + _SHARD_ROWS], log_probs[start:], start, folder / str(start)
        )
        for start in range(0, len(rows), _SHARD_ROWS)
    ]
    return JoinedRows(shards)


def _shard(
    model: Model, rows: Sequence[Row], log_probs: torch.Tensor, first: int, folder: Path
) -> EncodedShard:
    folder.mkdir(parents=True)
    labelled = [
        LabelledRow(str(first + i), row.source, (int(log_probs[i].argmax()),), ClassLabels(log_probs[i]))
        for i, row in enumerate(rows)
    ]  # fmt: skip
    facts = ShardFacts("classes", "float32", len(CLASSES), None, "random", "", model.output_space)
    write_shard(labelled, facts, folder)
    ids = folder / "sources.safetensors"
    write_ragged(ids, model.source_ids([row.source for row in rows], _LENGTH))
    shard = Shard(folder)
    return EncodedShard(shard, RaggedFile(ids), np.arange(len(rows)), shard.targets)
