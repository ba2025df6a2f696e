"""A task's rows: read from where the user keeps them, checked, fingerprinted, kept as Parquet.

`read_rows` is the only door to a user's files; what it returns is right: sources are text, train
and test rows have a target, targets of a closed task are among its classes, ids do not repeat.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raydoa.errors import Unreachable, UserError, did_you_mean
from raydoa.tasks.records import LocatedRecord, file_records, hub_records
from raydoa.tasks.task import CLOSED_METRICS, TaskSpec, hub_dataset


@dataclass(frozen=True)
class Row:
    """One row: ``id`` is unique within its task; a target of None is not known, "" is empty."""

    id: str
    source: str
    target: str | None


@dataclass(frozen=True)
class TaskRows:
    """All rows of a task.

    Attributes:
        train, test: labelled rows.
        pool: rows of a pool that is a file of its own; empty: the pool is the rest of ``train``.
        text: free text for pretraining, if the task has any.
    """

    train: tuple[Row, ...]
    test: tuple[Row, ...]
    pool: tuple[Row, ...] = ()
    text: tuple[str, ...] = ()

    def unlabelled_text(self) -> tuple[str, ...]:
        """What nano models learn to read from: ``text``, else the sources of train and pool."""
        return self.text or tuple(row.source for row in (*self.train, *self.pool))


def read_rows(spec: TaskSpec, data_root: str | Path | None) -> TaskRows:
    """Read and check the rows of a task; relative locations are relative to ``data_root``.

    Raises:
        UserError: rows are missing or malformed; the message names the file and the line.
    """
    rows = {
        part: tuple(_rows(spec, part, data_root, labelled=part != "pool"))
        for part in ("train", "test", "pool")
    }
    for part in ("train", "test"):
        if not rows[part]:
            raise UserError(f"task {spec.name}: {part}: {getattr(spec, part)} has no rows")
    text = tuple(
        _text(values, spec.columns.text, location)
        for location, values in part_records(spec, "text", data_root)
    )
    return TaskRows(rows["train"], rows["test"], rows["pool"], text)


def _rows(
    spec: TaskSpec, part: str, data_root: str | Path | None, *, labelled: bool
) -> Iterator[Row]:
    if labelled and getattr(spec, part) is None:
        raise UserError(f"task {spec.name}: {part}: no location; say where its rows are")
    closed = spec.metric in CLOSED_METRICS
    classes = {one.strip().casefold() for one in spec.classes} if closed else set()
    for index, (location, values) in enumerate(part_records(spec, part, data_root)):
        source = _text(values, spec.columns.source, location)
        target = _target(values, spec.columns.target, location, needed=labelled)
        if classes and target is not None and target.strip().casefold() not in classes:
            raise UserError(
                f"{location}: {spec.columns.target}: found {target!r}; classes of {spec.name} are "
                f"{', '.join(spec.classes)}{did_you_mean(target, list(spec.classes))}"
            )
        yield Row(f"{part}-{index}", source, target)


def part_records(
    spec: TaskSpec, part: str, data_root: str | Path | None
) -> Iterator[LocatedRecord]:
    """The records of one part of a task (``train``, ``test``, ``pool``, ``text``), read as they are asked for.

    Raises:
        Unreachable: there is no such file, or the dataset cannot be had from here.
        UserError: a record is malformed.
    """
    location: str | None = getattr(spec, part)
    if location is None:
        return iter(())
    dataset = hub_dataset(location)
    if dataset is not None:
        return hub_records(dataset)
    path = Path(location)
    if not path.is_absolute():
        if data_root is None:
            raise Unreachable(
                f"task {spec.name}: {part}: {location} is relative to a data folder; "
                "name it with --data FOLDER"
            )
        path = Path(data_root) / path
    return file_records(path)


def _text(values: Mapping[str, Any], column: str, location: str) -> str:
    value = _value(values, column, location)
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{location}: {column}: found {value!r}; expected text that is not empty")
    return value


def _target(values: Mapping[str, Any], column: str, location: str, *, needed: bool) -> str | None:
    if not needed and values.get(column) is None:
        return None
    value = _value(values, column, location)
    if not isinstance(value, str):
        raise UserError(f"{location}: {column}: found {value!r}; expected text (it may be empty)")
    return value


def _value(values: Mapping[str, Any], column: str, location: str) -> object:
    if column not in values:
        raise UserError(
            f"{location}: no {column!r}; found {', '.join(map(repr, values))}"
            f"{did_you_mean(column, list(values))}; name other columns under `columns`"
        )
    value = values[column]
    # JSON can spell half a character, which no file and no tokenizer takes.
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise UserError(f"{location}: {column}: half a character (a lone surrogate); remove it")
    return value


def fingerprint(rows: TaskRows) -> str:
    """Hash (sha256 hex) of every id, source and target and all text; equal rows hash alike."""
    digest = hashlib.sha256()
    for part in ("train", "test", "pool"):
        for row in getattr(rows, part):
            digest.update(json.dumps([part, row.id, row.source, row.target]).encode() + b"\n")
    for text in rows.text:
        digest.update(json.dumps(["text", text]).encode() + b"\n")
    return digest.hexdigest()


def write_rows(rows: TaskRows, folder: Path) -> None:
    """Write ``train``, ``test``, ``pool`` and ``text`` as Parquet files into ``folder``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, dict[str, Sequence[str | None]]] = {"text": {"text": rows.text}}
    for part in ("train", "test", "pool"):
        columns[part] = {
            name: [getattr(row, name) for row in getattr(rows, part)]
            for name in ("id", "source", "target")
        }
    for part, texts in columns.items():
        table = pa.table({name: pa.array(texts[name], pa.large_string()) for name in texts})
        pq.write_table(table, folder / f"{part}.parquet", compression="zstd")


def load_rows(folder: Path) -> TaskRows:
    """Read what `write_rows` wrote."""
    import pyarrow.parquet as pq

    def part(name: str) -> tuple[Row, ...]:
        columns = pq.read_table(folder / f"{name}.parquet").to_pydict()
        return tuple(map(Row, columns["id"], columns["source"], columns["target"]))

    text = pq.read_table(folder / "text.parquet")["text"].to_pylist()
    return TaskRows(part("train"), part("test"), part("pool"), tuple(text))
