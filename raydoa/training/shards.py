"""Shards of labelled rows on disk, and the examples that a student reads from them.

A shard is two files: `soft_labels.parquet` with a row per pool row (id, source, the target's text) and, in its schema's
metadata, who wrote it; and `soft_labels.safetensors` with the target ids of all rows one after the other and what is
kept of their distributions. A student holds neither: it reads the rows of each batch where they stand.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from raydoa.errors import UserError
from raydoa.training.batches import Example, StoredRows
from raydoa.training.soft_labels import (
    AlignedLabels,
    ClassLabels,
    HiddenLabels,
    LabelledRow,
    ShardFacts,
    SoftLabels,
    SparseLabels,
    WrittenLabels,
)
from raydoa.training.tensor_file import RaggedFile, write_ragged

SHARD_FILE = "soft_labels.parquet"
TENSOR_FILE = "soft_labels.safetensors"
_META = b"raydoa"


def write_shard(rows: Sequence[LabelledRow], facts: ShardFacts, folder: Path) -> None:
    """Write the rows of a shard into ``folder``, and say in its metadata what they are."""
    columns = {
        "row_id": pa.array([row.row_id for row in rows], pa.string()),
        "source": pa.array([row.source for row in rows], pa.string()),
        "text": pa.array([row.text for row in rows], pa.string()),
    }
    meta = {_META: json.dumps(asdict(facts)).encode()}
    table = pa.table(columns).replace_schema_metadata(meta)
    pq.write_table(table, folder / SHARD_FILE, compression="zstd")
    write_ragged(folder / TENSOR_FILE, [row.target_ids for row in rows], **_flat(rows, facts))


def read_facts(folder: Path) -> ShardFacts:
    """Who wrote a shard, without reading its rows. Raises `UserError`: the file is not one of ours."""
    metadata = pq.read_schema(folder / SHARD_FILE).metadata or {}
    if _META not in metadata:
        raise UserError(f"{folder / SHARD_FILE}: a Parquet file, but not a shard of soft labels")
    return ShardFacts(**json.loads(metadata[_META]))


class Shard:
    """A shard that `write_shard` wrote.

    Args:
        folder: where it is.
        temperature: which log-probabilities of classes are divided by before they are probabilities again.

    Raises:
        UserError: the file is not one of ours.
    """

    def __init__(self, folder: Path, temperature: float = 1.0) -> None:
        self._folder, self._temperature = folder, temperature
        self.facts = read_facts(folder)
        self.targets = RaggedFile(folder / TENSOR_FILE)
        self.row_ids: pa.ChunkedArray = self._column("row_id")
        self._classes: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def sources(self) -> list[str]:
        """The source of each row, without the task's prefix."""
        return list(self._column("source").to_pylist())

    def texts(self) -> list[str]:
        """The target of each row as text."""
        return list(self._column("text").to_pylist())

    def soft(self, index: int) -> SoftLabels:
        """The soft labels of a row."""
        if self.facts.kind == "text":
            return WrittenLabels()
        if self.facts.kind in ("hidden", "aligned"):
            return HiddenLabels(self.targets.row(index, "states"))
        if self.facts.kind == "classes":
            log_probs = self._log_probs(index)
            if self._temperature != 1.0:
                log_probs = torch.log_softmax(log_probs / self._temperature, dim=-1)
            return ClassLabels(log_probs)
        assert self.facts.temperature is not None
        return SparseLabels(
            tokens=self.targets.row(index, "tokens").long(),
            weights=self.targets.row(index, "weights"),
            entropy=self.targets.row(index, "entropy"),
            temperature=self.facts.temperature,
        )

    def _log_probs(self, index: int) -> torch.Tensor:
        """Of a row; where each has one class, all are in memory, a few floats a row."""
        if len(self.targets) != self.targets.positions:
            return self.targets.row(index, "log_probs")
        if self._classes is None:
            self._classes = self.targets.whole("log_probs")
        return self._classes[index : index + 1]

    def _column(self, name: str) -> pa.ChunkedArray:
        return pq.read_table(self._folder / SHARD_FILE, columns=[name]).column(0)


class EncodedShard(StoredRows):
    """The rows of a shard as they are trained on, each read when it is asked for.

    Args:
        shard: the labels.
        sources: token ids of the sources.
        order: which row of ``sources`` is a row's.
        targets: token ids of the targets of the rows in ``kept``, in that order.
        kept: the rows of the shard that are trained on; all of them unless given.
    """

    def __init__(
        self,
        shard: Shard,
        sources: RaggedFile,
        order: np.ndarray,
        targets: RaggedFile,
        kept: np.ndarray | None = None,
    ) -> None:
        self._shard, self._sources, self._order, self._targets = shard, sources, order, targets
        self._kept = np.arange(len(shard)) if kept is None else kept
        self.lengths = np.stack([sources.lengths[order[self._kept]], targets.lengths], axis=1)

    def read(self, index: int) -> Example:
        row = int(self._kept[index])
        return Example(
            str(self._shard.row_ids[row]),
            self._sources.row(int(self._order[row])).tolist(),
            self._targets.row(index).tolist(),
            self._shard.soft(row),
        )


class AlignedShard(EncodedShard):
    """The rows of a shard of aligned labels, as a student of another tokenizer is trained on them.

    Args:
        shard: the labels.
        sources, order: see `EncodedShard`.
        targets: the texts in the student's tokens, and beside each the teacher's position that it meets or -1, and whether it is a text's
            first with a table of its own.
    """

    def __init__(
        self, shard: Shard, sources: RaggedFile, order: np.ndarray, targets: RaggedFile
    ) -> None:
        super().__init__(shard, sources, order, targets)
        met = targets.whole("teacher") >= 0
        self.aligned, self.positions = int(met.sum()), len(met)

    def read(self, index: int) -> Example:
        example = super().read(index)
        teacher = self._targets.row(index, "teacher").long()
        (places,) = torch.nonzero(teacher >= 0, as_tuple=True)
        first = self._targets.row(index, "first")[places].bool()
        assert isinstance(example.soft, HiddenLabels), "aligned labels are hidden ones"
        labels = AlignedLabels(example.soft.states[teacher[places]], places, first)
        return replace(example, soft=labels)


def _flat(rows: Sequence[LabelledRow], facts: ShardFacts) -> Mapping[str, torch.Tensor]:
    """What is kept of the distributions, an entry for each target token."""
    labels = [row.soft for row in rows]
    if facts.kind == "text":
        assert all(isinstance(soft, WrittenLabels) for soft in labels)
        return {}
    if facts.kind in ("hidden", "aligned"):
        states = [soft.states for soft in labels if isinstance(soft, HiddenLabels)]
        assert len(states) == len(rows)
        flat = [s.detach().cpu().to(getattr(torch, facts.dtype)) for s in states]
        return {"states": torch.cat(flat).contiguous()}
    if facts.kind == "classes":
        scored = [soft.log_probs for soft in labels if isinstance(soft, ClassLabels)]
        assert len(scored) == len(rows)
        none = torch.empty(0, facts.vocabulary)  # Of a shard whose rows were all refused.
        return {"log_probs": torch.cat([none, *(s.detach().cpu().float() for s in scored)])}
    sparse = [soft for soft in labels if isinstance(soft, SparseLabels)]
    assert len(sparse) == len(rows) and all(s.temperature == facts.temperature for s in sparse)
    return {
        "tokens": torch.cat([s.tokens for s in sparse]).int(),
        "weights": torch.cat([s.weights for s in sparse]).float(),
        "entropy": torch.cat([s.entropy for s in sparse]).float(),
    }
