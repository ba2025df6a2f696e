"""The rows of a shard, all at once: students read them one by one."""

from collections.abc import Iterator
from pathlib import Path

from raydoa.training.shards import Shard
from raydoa.training.soft_labels import LabelledRow


def rows_of(folder: Path) -> Iterator[LabelledRow]:
    """All rows, with everything that is known of them."""
    shard = Shard(folder)
    columns = zip(shard.row_ids.to_pylist(), shard.sources(), shard.texts(), strict=True)
    for index, (row_id, source, text) in enumerate(columns):
        ids = tuple(shard.targets.row(index).tolist())
        yield LabelledRow(row_id, source, ids, shard.soft(index), text)
