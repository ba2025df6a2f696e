"""Shards as rows again, to look at what was written."""

from raydoa.training.shards import Shard
from raydoa.training.soft_labels import LabelledRow


def rows_of(shard: Shard) -> list[LabelledRow]:
    """All rows, with everything that is known of them."""
    columns = zip(shard.row_ids.to_pylist(), shard.sources(), shard.texts(), strict=True)
    return [
        LabelledRow(row_id, source, tuple(shard.targets.row(i).tolist()), shard.soft(i), text)
        for i, (row_id, source, text) in enumerate(columns)
    ]
