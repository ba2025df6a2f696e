from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from raydoa.errors import UserError
from raydoa.training.shards import SHARD_FILE, read_facts, write_shard
from raydoa.training.soft_labels import (
    HiddenLabels,
    LabelledRow,
    ShardFacts,
    SparseLabels,
    check_match,
)
from tests.shards import rows_of

FACTS = ShardFacts("hidden", "bfloat16", 64, None, "nano-l (abc)", "c0de" * 16, "f00d" * 16)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_hidden_labels_survive_a_shard(tmp_path: Path, dtype: str) -> None:
    states = torch.randn(3, 4)
    rows = [
        LabelledRow("b", "über", (5, 6, 1), HiddenLabels(states)),
        LabelledRow("a", "", (1,), HiddenLabels(states[:1])),
    ]
    write_shard(rows, replace(FACTS, dtype=dtype), tmp_path)
    read, facts = list(rows_of(tmp_path)), read_facts(tmp_path)
    assert facts.dtype == dtype
    assert [(row.row_id, row.source, row.target_ids) for row in read] == [
        ("b", "über", (5, 6, 1)),
        ("a", "", (1,)),
    ]
    assert isinstance(read[0].soft, HiddenLabels)
    assert torch.equal(read[0].soft.states, states.to(getattr(torch, dtype)))


def test_sparse_labels_survive_a_shard(tmp_path: Path) -> None:
    labels = SparseLabels(
        torch.tensor([[3, 9], [60, 1]]), torch.tensor([[0.7, 0.3], [0.5, 0.5]]), torch.rand(2), 2.0
    )
    facts = replace(FACTS, kind="sparse", temperature=2.0)
    write_shard([LabelledRow("a", "x", (5, 1), labels)], facts, tmp_path)
    (row,), found = list(rows_of(tmp_path)), read_facts(tmp_path)
    assert found == facts and isinstance(row.soft, SparseLabels)
    assert row.soft.temperature == 2.0
    for name in ("tokens", "weights", "entropy"):
        assert torch.equal(getattr(row.soft, name), getattr(labels, name))


def test_a_mismatch_names_both_sides() -> None:
    check_match(FACTS, student="nano-s", vocabulary=64, tokenizer=FACTS.tokenizer)
    with pytest.raises(UserError, match=r"nano-l \(abc\) .* of 64 and student mine has 70"):
        check_match(FACTS, student="mine", vocabulary=70, tokenizer=FACTS.tokenizer)
    with pytest.raises(UserError, match=r"f00df00df00d and student mine uses beefbeefbeef"):
        check_match(FACTS, student="mine", vocabulary=64, tokenizer="beef" * 16)


def test_another_parquet_file_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / SHARD_FILE)
    with pytest.raises(UserError, match=r"soft_labels\.parquet: .* not a shard"):
        read_facts(tmp_path)
