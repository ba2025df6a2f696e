"""Shards on disk: what is read by position is what was written, and trains as lists do."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import T5ForConditionalGeneration

from raydoa.models.seq2seq.loss import Seq2SeqLoss as Loss
from raydoa.training.batches import Batches, Example, JoinedRows
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.recipe import Execution, Recipe
from raydoa.training.shards import EncodedShard, Shard, write_shard
from raydoa.training.soft_labels import HiddenLabels, LabelledRow, ShardFacts
from raydoa.training.tensor_file import RaggedFile, TensorFile, write_ragged

Build = Callable[..., T5ForConditionalGeneration]
Rows = Callable[..., list[Example]]
Hidden = Callable[[T5ForConditionalGeneration, list[Example]], list[Example]]
FACTS = ShardFacts("hidden", "float32", 64, None, "t", "c", "v")


def test_rows_are_read_where_they_stand(tmp_path: Path) -> None:
    rows = [[5, 6, 1], [], [7], list(range(9))]
    states = torch.randn(13, 3).bfloat16()
    write_ragged(tmp_path / "rows.safetensors", rows, states=states)
    file = RaggedFile(tmp_path / "rows.safetensors")
    assert len(file) == 4 and file.lengths.tolist() == [3, 0, 1, 9]
    assert [file.row(i).tolist() for i in range(4)] == rows
    assert torch.equal(file.row(3, "states"), states[4:]) and file.row(1, "states").shape == (0, 3)
    tensors = TensorFile(tmp_path / "rows.safetensors")
    assert torch.equal(tensors.whole("states"), states)
    with pytest.raises(AssertionError, match="rows 12 to 14 of 13"):
        tensors.rows("states", 12, 14)


def test_a_file_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.safetensors"
    for value in (3, 4):
        path.unlink(missing_ok=True)
        write_ragged(path, [[value]])
        assert RaggedFile(path).row(0).tolist() == [value]


def _stored(examples: list[Example], folder: Path, size: int) -> JoinedRows:
    """The examples in shards of ``size``, their sources in an order of their own."""
    shards = []
    for start in range(0, len(examples), size):
        part = examples[start : start + size]
        place = folder / str(start)
        place.mkdir()
        labelled = [
            LabelledRow(e.row_id, "", tuple(e.target_ids), e.soft)
            for e in part
            if isinstance(e.soft, HiddenLabels)
        ]
        write_shard(labelled, FACTS, place)
        order = np.random.default_rng(start).permutation(len(part))
        sources: list[list[int]] = [[] for _ in part]
        for example, position in zip(part, order, strict=True):
            sources[position] = list(example.source_ids)
        write_ragged(place / "sources.safetensors", sources)
        shard = Shard(place)
        shards.append(
            EncodedShard(shard, RaggedFile(place / "sources.safetensors"), order, shard.targets)
        )
    return JoinedRows(shards)


def test_stored_rows_train_as_lists_do(
    build: Build, rows: Rows, hidden: Hidden, tmp_path: Path
) -> None:
    teacher = build(seed=1).eval()
    examples = hidden(teacher, rows(30))
    gold = [replace(e, row_id=f"gold {e.row_id}") for e in rows(7, seed=5)]
    stored = JoinedRows([_stored(examples, tmp_path, 8), gold])
    assert [e.row_id for e in stored] == [e.row_id for e in examples + gold]
    assert [e.row_id for e in stored[28:32]] == ["row-28", "row-29", "gold row-0", "gold row-1"]
    batches = [Batches(which, 8, seed=3) for which in (stored, examples + gold)]
    assert [batches[0].rows(step) for step in range(12)] == [
        batches[1].rows(step) for step in range(12)
    ]
    weights = []
    for which in (stored, examples + gold):
        student = build(seed=2, dropout=0.1)
        recipe = Recipe(learning_rate=1e-2, batch_size=8, epochs=1)
        loss = Loss(student, teacher_head=teacher.lm_head.weight.detach(), temperature=2.0)
        fit(
            PlainEngine(loss, recipe, 9),
            which,
            batch_size=8,
            steps=9,
            seed=3,
            execution=Execution(),
        )
        weights.append(student.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_an_index_past_the_end_is_refused(rows: Rows) -> None:
    joined = JoinedRows([rows(2), rows(3)])
    assert len(joined) == 5 and len(list(joined)) == 5
    with pytest.raises(IndexError):
        joined[5]
