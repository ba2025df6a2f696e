"""A task's rows: fingerprinted, and kept as Parquet; `raydoa.tasks.reading.rows` reads them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One row: ``id`` is unique within its task; a target of None is not known, "" is empty."""

    id: str
    source: str
    target: str | None


@dataclass(frozen=True)
class TaskRows:
    """All rows of a task.

    Attributes:
        train: labelled rows, and without a pool of its own maybe some that nobody has labelled, which are pool.
        test: labelled rows.
        pool: rows of a pool that is a file of its own; empty: the pool is the rest of ``train``.
        text: free text for pretraining, if the task has any.
        annotations: of each labelled row of ``train``, the mean: one label is made of so many.
        notes: what was done to them on the way in, a line each; they are not part of the data.
    """

    train: tuple[Row, ...]
    test: tuple[Row, ...]
    pool: tuple[Row, ...] = ()
    text: tuple[str, ...] = ()
    annotations: float = field(default=1.0, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def labelled(self) -> tuple[Row, ...]:
        """Rows of ``train`` with a target."""
        return tuple(row for row in self.train if row.target is not None)

    @cached_property
    def unlabelled(self) -> tuple[Row, ...]:
        """The others."""
        return tuple(row for row in self.train if row.target is None)

    def unlabelled_text(self) -> tuple[str, ...]:
        """What nano models learn to read from: ``text``, else the sources of train and pool."""
        return self.text or tuple(row.source for row in (*self.train, *self.pool))


def fingerprint(rows: TaskRows) -> str:
    """Hash (sha256 hex) of every id, source and target and all text; equal rows hash alike."""
    digest = hashlib.sha256()
    for part in ("train", "test", "pool"):
        for row in getattr(rows, part):
            digest.update(json.dumps([part, row.id, row.source, row.target]).encode() + b"\n")
    for text in rows.text:
        digest.update(json.dumps(["text", text]).encode() + b"\n")
    return digest.hexdigest()


def file_of(part: str) -> str:
    """The file of a part (``train``, ``test``, ``pool``, ``text``) in a folder that `write_rows` wrote."""
    return f"{part}.parquet"


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
        pq.write_table(table, folder / file_of(part), compression="zstd")


def load_rows(folder: Path) -> TaskRows:
    """Read what `write_rows` wrote."""
    import pyarrow.parquet as pq

    def part(name: str) -> tuple[Row, ...]:
        columns = pq.read_table(folder / file_of(name)).to_pydict()
        return tuple(map(Row, columns["id"], columns["source"], columns["target"]))

    text = pq.read_table(folder / file_of("text"))["text"].to_pylist()
    return TaskRows(part("train"), part("test"), part("pool"), tuple(text))
