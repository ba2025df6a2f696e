"""Soft labels: what is kept of a teacher's distributions, and the shards they are kept in.

`hidden` keeps the input of the teacher's output head at each target token; with the head (kept
once, with the teacher) every logit comes back, so nothing is lost at any temperature. `sparse`
keeps a few tokens with weights that stand for the whole distribution at one temperature (see
`raydoa.training.sparse`).

A shard is one Parquet file with a row per pool row, joined by ``row_id``, and in its schema's
metadata who wrote it with which vocabulary. A student with another vocabulary is refused.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from raydoa.errors import UserError

SHARD_FILE = "soft_labels.parquet"
_META = b"raydoa"


@dataclass(frozen=True)
class HiddenLabels:
    """Inputs of the teacher's head at the target tokens of a row, ``[tokens, d_model]``."""

    states: torch.Tensor


@dataclass(frozen=True)
class SparseLabels:
    """A sampled distribution per target token of a row.

    Attributes:
        tokens: token ids ``[tokens, kept]``.
        weights: their weights ``[tokens, kept]``, which sum to 1; unused places weigh 0.
        entropy: of the teacher's full distribution ``[tokens]``, in nats.
        temperature: at which all this holds.
    """

    tokens: torch.Tensor
    weights: torch.Tensor
    entropy: torch.Tensor
    temperature: float


SoftLabels: TypeAlias = HiddenLabels | SparseLabels


@dataclass(frozen=True)
class LabelledRow:
    """What a teacher wrote for a pool row; soft labels have one entry per id of ``target_ids``."""

    row_id: str
    source: str
    target_ids: tuple[int, ...]
    soft: SoftLabels


@dataclass(frozen=True)
class ShardFacts:
    """Who wrote a shard, and how it is to be read.

    ``teacher`` is for people; ``teacher_content`` is the hash of the files that wrote it.
    """

    kind: str
    dtype: str
    d_model: int
    vocabulary: int
    temperature: float | None
    teacher: str
    teacher_content: str
    tokenizer: str


def check_match(shard: ShardFacts, *, student: str, vocabulary: int, tokenizer: str) -> None:
    """Refuse soft labels over another vocabulary than the student's.

    Raises:
        UserError: the message names both sides.
    """
    if shard.vocabulary != vocabulary:
        raise UserError(
            f"teacher {shard.teacher} writes over a vocabulary of {shard.vocabulary} and student "
            f"{student} has {vocabulary}; distillation needs one vocabulary on both sides: choose a "
            "student and a teacher of one family"
        )
    if shard.tokenizer != tokenizer:
        raise UserError(
            f"teacher {shard.teacher} uses tokenizer {shard.tokenizer[:12]} and student "
            f"{student} uses {tokenizer[:12]}; distillation needs the same tokenizer on both sides"
        )


def write_shard(rows: Sequence[LabelledRow], facts: ShardFacts, folder: Path) -> Path:
    """Write the rows of a shard into ``folder``, and say in its metadata what they are."""
    assert rows, "a shard has rows"
    payload = _pack_hidden if facts.kind == "hidden" else _pack_sparse
    columns: dict[str, Any] = {
        "row_id": pa.array([row.row_id for row in rows], pa.string()),
        "source": pa.array([row.source for row in rows], pa.string()),
        "target_ids": pa.array([list(row.target_ids) for row in rows], pa.list_(pa.int32())),
    }
    packed = [payload(row.soft, facts) for row in rows]
    for name in packed[0]:
        columns[name] = pa.array([entry[name] for entry in packed], pa.large_binary())
    table = pa.table(columns).replace_schema_metadata({_META: json.dumps(asdict(facts)).encode()})
    path = folder / SHARD_FILE
    pq.write_table(table, path, compression="zstd")
    return path


def read_shard(folder: Path) -> tuple[list[LabelledRow], ShardFacts]:
    """Read a shard written by `write_shard`.

    Raises:
        UserError: the file is not one of ours.
    """
    table = pq.read_table(folder / SHARD_FILE)
    facts = _facts(table.schema, folder)
    unpack = _unpack_hidden if facts.kind == "hidden" else _unpack_sparse
    rows = [
        LabelledRow(
            entry["row_id"], entry["source"], tuple(entry["target_ids"]), unpack(entry, facts)
        )
        for batch in table.to_batches()
        for entry in batch.to_pylist()
    ]
    return rows, facts


def read_facts(folder: Path) -> ShardFacts:
    """Who wrote a shard, without reading its rows.

    Raises:
        UserError: the file is not one of ours.
    """
    return _facts(pq.read_schema(folder / SHARD_FILE), folder)


def _facts(schema: pa.Schema, folder: Path) -> ShardFacts:
    metadata = schema.metadata or {}
    if _META not in metadata:
        raise UserError(f"{folder / SHARD_FILE}: a Parquet file, but not a shard of soft labels")
    return ShardFacts(**json.loads(metadata[_META]))


def _pack_hidden(soft: SoftLabels, facts: ShardFacts) -> dict[str, bytes]:
    assert isinstance(soft, HiddenLabels)
    assert soft.states.shape[1] == facts.d_model, "states of another teacher"
    states = soft.states.detach().cpu().to(getattr(torch, facts.dtype)).contiguous()
    return {"hidden": states.view(torch.uint8).numpy().tobytes()}


def _unpack_hidden(entry: Mapping[str, Any], facts: ShardFacts) -> HiddenLabels:
    flat = torch.frombuffer(bytearray(entry["hidden"]), dtype=getattr(torch, facts.dtype))
    return HiddenLabels(flat.view(len(entry["target_ids"]), facts.d_model))


def _pack_sparse(soft: SoftLabels, facts: ShardFacts) -> dict[str, bytes]:
    assert isinstance(soft, SparseLabels) and soft.temperature == facts.temperature
    return {
        "tokens": soft.tokens.numpy().astype(np.int32).tobytes(),
        "weights": soft.weights.numpy().astype(np.float32).tobytes(),
        "entropy": soft.entropy.numpy().astype(np.float32).tobytes(),
    }


def _unpack_sparse(entry: Mapping[str, Any], facts: ShardFacts) -> SparseLabels:
    count = len(entry["target_ids"])
    assert facts.temperature is not None
    return SparseLabels(
        tokens=torch.from_numpy(np.frombuffer(entry["tokens"], np.int32).astype(np.int64)).view(
            count, -1
        ),
        weights=torch.frombuffer(bytearray(entry["weights"]), dtype=torch.float32).view(count, -1),
        entropy=torch.frombuffer(bytearray(entry["entropy"]), dtype=torch.float32),
        temperature=facts.temperature,
    )
