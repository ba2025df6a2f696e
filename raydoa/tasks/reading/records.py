"""A location of rows as records, whatever it is; nothing is known here of sources and targets.

file or folder --by its name--> table | JSON | Parquet | spreadsheet | lines of text | saved dataset --> records
hf:NAME:SPLIT ----------------> dataset of the hub, or of a folder -------------------------------^
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from raydoa.errors import Unreachable, UserError
from raydoa.tasks.reading.columnar import parquet_records, saved_records
from raydoa.tasks.reading.json_records import json_records, line_records
from raydoa.tasks.reading.located import LocatedRecord
from raydoa.tasks.reading.mistaken import refuse_mistaken
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.reading.spreadsheet import spreadsheet_records
from raydoa.tasks.reading.tables import table_records
from raydoa.tasks.reading.text import text_lines
from raydoa.tasks.task import kind_of_file

Reader = Callable[[Path, Notes], Iterator[LocatedRecord]]

TEXT_LINE = "line"
"""The one column of a file of plain lines."""


def _plain_records(path: Path, notes: Notes) -> Iterator[LocatedRecord]:
    for number, line in enumerate(text_lines(path, notes, guess=True), start=1):
        yield f"{path}:{number}", {TEXT_LINE: line.rstrip("\r\n")}


_READERS: Mapping[str, Reader] = {
    ".jsonl": line_records,
    ".ndjson": line_records,
    ".json": json_records,
    ".csv": table_records,
    ".tsv": partial(table_records, separator="\t"),
    ".parquet": parquet_records,
    ".xlsx": spreadsheet_records,
    ".txt": _plain_records,
}


def file_records(path: Path, notes: Notes) -> Iterator[LocatedRecord]:
    """Read a file, or a folder that `datasets` has saved.

    Raises:
        Unreachable: there is no such file or folder.
        UserError: a line of it cannot be read.
    """
    if path.is_dir():
        return saved_records(path, notes)
    if not path.is_file():
        raise Unreachable(f"{path}: no such file; check the task's locations and the data folder")
    reader = _READERS.get(kind_of_file(str(path)) or "")
    if reader is None:
        raise UserError(f"{path}: rows are read from {', '.join(_READERS)} files, and from folders")
    refuse_mistaken(path)
    return reader(path, notes)
