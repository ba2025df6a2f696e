"""Rows of a sweep out of its Tune result dir, and `cells.csv`."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd

from raydoa.mistakes import UserMistake
from raydoa.result_row import COLUMNS, SCHEMA, row_of

logger = logging.getLogger(__name__)

CELLS_FILE = "cells.csv"


def load(result_dir: Path) -> pd.DataFrame:
    """One row a finished cell, sorted by task, N, budget, strategy, teacher, U, labels and seed.

    Raises:
        UserMistake: this is no result dir, or a raydoa with other columns wrote it.
    """
    rows, unfinished = finished_rows(result_dir)
    for name in unfinished:
        logger.warning("%s: no result yet; the cell is not finished", name)
    if not rows:
        raise UserMistake(
            f"{result_dir}: no finished cells; expected a Tune result dir with */result.json"
        )
    # A sweep that was killed may have begun a cell twice; both rows say the same.
    order = ["task", "n", "budget", "strategy", "teacher", "u", "labels", "seed", "repeat"]
    cells = pd.DataFrame(rows, columns=list(COLUMNS)).drop_duplicates("cell")
    return cells.sort_values(order, ignore_index=True)


def finished_rows(result_dir: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of finished cells, and the names of those that have none yet.

    Raises:
        UserMistake: a raydoa with other columns wrote them.
    """
    rows, unfinished = [], []
    for path in sorted(result_dir.glob("*/result.json")):
        last = _last_line(path)
        if last is None:
            unfinished.append(path.parent.name)
            continue
        values = _parsed(last, path)
        if values.get("schema", 0) > SCHEMA:
            raise UserMistake(
                f"{path}: rows have schema {values['schema']}, this raydoa reads {SCHEMA}; upgrade raydoa"
            )
        if "cell" in values and values.get("schema", 0) < SCHEMA:
            raise UserMistake(
                f"{path}: rows have schema {values.get('schema')}, this raydoa reads {SCHEMA}; run the sweep again, "
                "which makes nothing that is in its store"
            )
        try:
            rows.append(row_of(values))
        except KeyError as missing:
            raise UserMistake(
                f"{path}: the row has no column {missing}; is this a raydoa sweep?"
            ) from None
    return rows, unfinished


def write_cells(cells: pd.DataFrame, result_dir: Path) -> Path:
    """Write `cells.csv` into the result dir and return its path."""
    path = result_dir / CELLS_FILE
    cells.to_csv(path, index=False)
    return path


def artifact_keys(result_dir: Path) -> set[str]:
    """Keys of the artifacts that a sweep's rows rest on; what those were made from, the store knows."""
    cells = load(result_dir)
    columns = [name for name in COLUMNS if name.startswith("key_")]
    return {str(key) for name in columns for key in cells[name].dropna()}


def _parsed(line: str, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserMistake(f"{path}: its last line is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise UserMistake(f"{path}: its last line is no row of a sweep")
    return values


def _last_line(path: Path) -> str | None:
    """The last whole line: a line without its end was cut off by a crash."""
    lines = [
        line
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
        if line.endswith("\n")
    ]
    return lines[-1] if lines else None
