"""Rows of sweeps out of their Tune result dirs, local or `s3://`, one or many; and `cells.csv`.

A trial's `result.json` is the truth. A sweep that has ended leaves all its rows in `cells.csv` as well, which
is a hundred times faster to read: `load` takes from there what is there, and reads the `result.json` of those
trials alone that it lacks, so a sweep that goes on is read whole. A cell's result is written once.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from raydoa.errors import UserError
from raydoa.experiment.result_row import COLUMNS, row_of
from raydoa.report.columns import ORDER, as_cells, check_schema, read_table, typed
from raydoa.report.join import joined
from raydoa.report.result_folders import Place, folder_at

logger = logging.getLogger(__name__)

CELLS_FILE = "cells.csv"
_RESULT = "result.json"


@dataclass(frozen=True)
class Found:
    """What result dirs hold.

    Attributes:
        cells: one row a finished cell, with the columns of `raydoa.experiment.result_row`.
        unfinished: trials that have begun and have no row yet, as ``result dir/trial``.
        repeated: how many rows were there a second time.
    """

    cells: pd.DataFrame
    unfinished: tuple[str, ...]
    repeated: int


def load(paths: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """One row a finished cell of the sweeps in ``paths``, sorted by what the cell is; tells what is missing.

    Args:
        paths: one result dir or several, each a local path or a URL.

    Raises:
        UserError: one is no result dir, a raydoa with other columns wrote it, a value is not what its column
            holds, or two sweeps have measured the same plan in different ways.
    """
    found = read(paths)
    if found.unfinished:
        count, first = len(found.unfinished), found.unfinished[0]
        logger.warning(
            "%d begun cells have no result yet, such as %s: the sweep is not finished", count, first
        )
    if found.repeated:
        logger.warning("%d rows are there twice and counted once", found.repeated)
    return found.cells


def read(paths: str | Path | Sequence[str | Path]) -> Found:
    """What `load` reads, with what it tells as values."""
    places = [paths] if isinstance(paths, str | Path) else list(paths)
    if not places:
        raise UserError("no result dir was given")
    parts = [_read_one(str(place).rstrip("/")) for place in places]
    cells, repeated = joined([(str(p), part.cells) for p, part in zip(places, parts, strict=True)])
    unfinished = tuple(name for part in parts for name in part.unfinished)
    return Found(cells, unfinished, repeated + sum(part.repeated for part in parts))


def read_results(result_dir: Path) -> pd.DataFrame:
    """The rows of one local sweep out of its trials' files alone: what its `cells.csv` is written from.

    Raises:
        UserError: as `load`.
    """
    rows, unfinished = finished_rows(result_dir)
    for name in unfinished:
        logger.warning("%s: no result yet; the cell is not finished", name)
    if not rows:
        raise _nothing(str(result_dir), unfinished)
    return _once(as_cells(rows, str(result_dir)))


def finished_rows(result_dir: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of finished cells, and the names of those that have none yet.

    Raises:
        UserError: a raydoa with other columns wrote them.
    """
    place = folder_at(result_dir)
    return _rows(place, str(result_dir), sorted(place.folders()))


def write_cells(cells: pd.DataFrame, result_dir: Path) -> Path:
    """Write `cells.csv` into the result dir and return its path."""
    path = result_dir / CELLS_FILE
    cells.to_csv(path, index=False)
    return path


def artifact_keys(result_dir: Path) -> set[str]:
    """Keys of the artifacts that a sweep's rows rest on; what those were made from, the store knows."""
    cells = read_results(result_dir)
    columns = [name for name in COLUMNS if name.startswith("key_")]
    return {str(key) for name in columns for key in cells[name].dropna()}


def _read_one(where: str) -> Found:
    place = folder_at(where)
    try:
        table = read_table(place.read(CELLS_FILE), f"{where}/{CELLS_FILE}")
    except FileNotFoundError:
        table = None
    names = sorted(place.folders())
    if table is not None and names:
        told = set(table["cell"])
        names = [name for name in names if _cell_name(name) not in told]
    rows, unfinished = _rows(place, where, names)
    parts = [part for part in (table, as_cells(rows, where) if rows else None) if part is not None]
    if not parts:
        raise _nothing(where, unfinished)
    cells = _once(pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0])
    return Found(cells, tuple(f"{where}/{name}" for name in unfinished), 0)


def _cell_name(trial: str) -> str:
    """The cell of a trial's folder, ``<cell>-<trial id>``."""
    return trial.rpartition("-")[0]


def _once(cells: pd.DataFrame) -> pd.DataFrame:
    # A sweep that was killed may have begun a cell twice; both rows say the same.
    return typed(cells.drop_duplicates("cell").sort_values(ORDER, ignore_index=True))


def _nothing(where: str, unfinished: Sequence[str]) -> UserError:
    if unfinished:
        return UserError(
            f"{where}: {len(unfinished)} cells have begun and none is finished; look again when one is"
        )
    return UserError(
        f"{where}: no finished cells; expected a Tune result dir with */{_RESULT}, local or a URL"
    )


def _rows(
    place: Place, where: str, trials: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    rows, unfinished = [], []
    for path, content in place.read_all(f"{trial}/{_RESULT}" for trial in trials):
        last = _last_line(content)
        if last is None:
            unfinished.append(path.removesuffix(f"/{_RESULT}"))
            continue
        values = _parsed(last, f"{where}/{path}")
        check_schema(values.get("schema"), "cell" in values, f"{where}/{path}")
        try:
            rows.append(row_of(values))
        except KeyError as missing:
            raise UserError(
                f"{where}/{path}: the row has no column {missing}; is this a raydoa sweep?"
            ) from None
    return rows, unfinished


def _parsed(line: bytes, path: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise UserError(f"{path}: its last line is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: its last line is no row of a sweep")
    return values


def _last_line(content: bytes) -> bytes | None:
    """The last whole line: a line without its end was cut off by a crash."""
    whole = content[: content.rfind(b"\n") + 1].rstrip(b"\n")
    return whole[whole.rfind(b"\n") + 1 :] or None
