"""Parquet files, folders that `datasets` has saved, and datasets of the hub: columns with types."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from raydoa.errors import Unreachable, UserError
from raydoa.tasks.reading.located import LocatedRecord
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.task import HubDataset

if TYPE_CHECKING:
    from datasets import Dataset
    from pyarrow import RecordBatch


def parquet_records(path: Path, notes: Notes) -> Iterator[LocatedRecord]:
    """The rows of a Parquet file. Raises `UserError`: it is none, or a damaged one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches():
                for values in _as_text(batch, path, notes).to_pylist():
                    number += 1
                    yield f"{path}: row {number}", values
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a Parquet file, or a damaged one ({error})") from None


def _as_text(batch: "RecordBatch", path: Path, notes: Notes) -> "RecordBatch":
    """Columns of bytes that are UTF-8, as databases write text, become text."""
    import pyarrow as pa

    for place, column in enumerate(batch.schema):
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            # Bytes that are no text stay as they are.
            with suppress(pa.ArrowInvalid):
                text = batch.column(place).cast(pa.string())
                batch = batch.set_column(place, column.name, text)
                notes.say(f"{path}: column {column.name!r} is of bytes, and read as UTF-8")
    return batch


def saved_records(path: Path, notes: Notes) -> Iterator[LocatedRecord]:
    """The rows of a folder that `Dataset.save_to_disk` made, of one split.

    Raises:
        UserError: it is no such folder, or has several splits, which are listed.
    """
    from datasets import Dataset, load_from_disk

    try:
        rows = load_from_disk(str(path))
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise UserError(
            f"{path}: a folder, and none that datasets has saved ({why}); name a file, or hf:{path}:SPLIT"
        ) from None
    if not isinstance(rows, Dataset):
        splits = ", ".join(f"{path / name}" for name in rows)
        raise UserError(f"{path}: a saved dataset of several splits; name one: {splits}")
    return _named(rows, str(path))


def hub_records(dataset: HubDataset) -> Iterator[LocatedRecord]:
    """Read a split of a Hugging Face dataset; columns of class numbers become class names.

    Raises:
        Unreachable: there is no such dataset, configuration or split, or it cannot be had from here.
    """
    from datasets import Dataset, load_dataset

    location = "hf:" + ":".join(filter(None, (dataset.name, dataset.config, dataset.split)))
    try:
        rows = load_dataset(dataset.name, dataset.config, split=dataset.split)
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise Unreachable(
            f"{location}: cannot be read ({why}); check the name, or give a file"
        ) from error
    assert isinstance(rows, Dataset)
    return _named(rows, location)


def _named(rows: "Dataset", location: str) -> Iterator[LocatedRecord]:
    from datasets import ClassLabel

    named = {key: kind for key, kind in rows.features.items() if isinstance(kind, ClassLabel)}
    for number, values in enumerate(rows, start=1):
        for key, kind in named.items():
            # -1 is how test splits on the hub say that their labels are hidden.
            values[key] = kind.int2str(values[key]) if values[key] not in (None, -1) else None
        yield f"{location}: row {number}", values
