"""Rows of a finished sweep out of its `cells.csv`, without pandas: what a plan reads has to be there at once."""

import csv
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.experiment.result_row import ResultRow, items_in, quantity_column
from raydoa.report.trials import check_row_schema

_FILE = "cells.csv"


def _whole(text: str) -> int:
    return int(float(text))  # pandas writes a column with gaps as 1000.0.


def _flag(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(text)
    return text == "True"


def _optional(text: str) -> str | None:
    return text or None


def _score(text: str) -> float | None:
    return float(text) if text else None


_READERS: Mapping[str, Callable[[str], Any]] = {
    "task": str,
    "n": _whole,
    "teacher": _optional,
    "choices": _optional,
    "student": str,
    "seed": _whole,
    "repeat": _whole,
    "status": str,
    "feasible": _flag,
    "score": _score,
}


def read_result_rows(result_dir: Path) -> list[ResultRow]:
    """The columns that say what was measured, and the score, of every cell in a result dir's `cells.csv`.

    Raises:
        UserError: there is no such file, or another raydoa or someone else wrote it.
    """
    path = result_dir / _FILE
    if not path.is_file():
        raise UserError(
            f"{result_dir}: no {_FILE}; expected the result dir of a sweep or search that has ended"
        )
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        items = items_in(table.fieldnames or ())
        quantities = {quantity_column(item): _whole for item in items}
        readers = {**_READERS, **quantities}
        rows = [_row(values, readers, f"{path}:{line}") for line, values in enumerate(table, 2)]
    if not rows:
        raise UserError(f"{path}: no rows; run the sweep again")
    return rows


def scored(row: ResultRow) -> bool:
    """Whether a row has a score that is a number."""
    return row["score"] is not None and math.isfinite(row["score"])


def _row(
    values: Mapping[str, str | None], readers: Mapping[str, Callable[[str], Any]], where: str
) -> ResultRow:
    check_row_schema(values.get("schema"), where)
    row = {}
    for name, read in readers.items():
        text = values.get(name)
        if text is None:
            raise UserError(f"{where}: the row has no column {name!r}; is this a raydoa sweep?")
        try:
            row[name] = read(text)
        except ValueError:
            raise UserError(f"{where}: {name}: found {text!r}") from None
    return row
