"""Files and datasets as records: a place to name in errors, and the columns of one row.

Nothing is known here of sources and targets; a record's values are as the file has them.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from raydoa.errors import Unreachable, UserError
from raydoa.tasks.task import HubDataset

LocatedRecord: TypeAlias = tuple[str, Mapping[str, Any]]
"""Where it stands (``file:line``), and its columns."""


def file_records(path: Path) -> Iterator[LocatedRecord]:
    """Read a ``.jsonl``, ``.csv`` (with a header line) or ``.parquet`` file.

    Raises:
        Unreachable: there is no such file.
        UserError: a line of it cannot be read.
    """
    if not path.is_file():
        raise Unreachable(f"{path}: no such file; check the task's locations and the data folder")
    reader = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}[path.suffix]
    return reader(path)


def _lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, each with its end; a byte order mark is left out."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{path}:{number}: not UTF-8 ({error.reason}); save it as UTF-8"
                ) from None


def _jsonl(path: Path) -> Iterator[LocatedRecord]:
    for number, line in enumerate(_lines(path), start=1):
        location = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(
                f"{location}: not JSON ({error.msg} at column {error.colno}); each line is one object"
            ) from None
        if not isinstance(values, dict):
            raise UserError(f"{location}: found {type(values).__name__}; each line is one object")
        yield location, values


def _csv(path: Path) -> Iterator[LocatedRecord]:
    lines = csv.reader(_lines(path), strict=True)
    try:
        header = next(lines, [])
        for fields in filter(None, lines):
            location = f"{path}:{lines.line_num}"
            if len(fields) != len(header):
                raise UserError(
                    f"{location}: found {len(fields)} fields, the header has {len(header)}; "
                    "put texts that hold commas in double quotes"
                )
            yield location, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}:{lines.line_num}: not CSV ({error})") from None


def _parquet(path: Path) -> Iterator[LocatedRecord]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches():
                for values in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}", values
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a Parquet file, or a damaged one ({error})") from None


def hub_records(dataset: HubDataset) -> Iterator[LocatedRecord]:
    """Read a split of a Hugging Face dataset; columns of class numbers become class names.

    Raises:
        Unreachable: there is no such dataset, configuration or split, or it cannot be had from here.
    """
    from datasets import ClassLabel, Dataset, load_dataset

    location = "hf:" + ":".join(filter(None, (dataset.name, dataset.config, dataset.split)))
    try:
        rows = load_dataset(dataset.name, dataset.config, split=dataset.split)
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise Unreachable(
            f"{location}: cannot be read ({why}); check the name, or give a file"
        ) from error
    assert isinstance(rows, Dataset)
    named = {key: kind for key, kind in rows.features.items() if isinstance(kind, ClassLabel)}
    for number, values in enumerate(rows, start=1):
        for key, kind in named.items():
            # -1 is how test splits on the hub say that their labels are hidden.
            values[key] = kind.int2str(values[key]) if values[key] not in (None, -1) else None
        yield f"{location}: row {number}", values
