"""Rows of sweeps out of their Tune result dirs, local or `s3://`, one or many; and `cells.csv`.

A trial's `result.json` is the truth: a line for each cell that asked for its plan. Rows of cells without a trial, whose
budget buys nothing or whose plan awaits labels, stand in the driver's file. A sweep that has ended leaves all its rows in
`cells.csv` as well, which is a hundred times faster to read: `load` takes from there what is there, and opens only the
trials whose plan it lacks, so a search that goes on is read whole. That is sound because a table has all rows of a plan or
none: it is written when all trials have ended, in one go, and the cells of a result dir never change.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from raydoa.errors import UserError
from raydoa.experiment.result_row import AWAITING_LABELS, INFEASIBLE, ResultRow
from raydoa.report.columns import as_cells, concatenated, read_table, sorted_cells
from raydoa.report.join import joined
from raydoa.report.table_file import CELLS_FILE, READ_INSTEAD, read_table_file, write_table
from raydoa.report.trials import (
    RESULT_FILE,
    driver_rows,
    finished_plans_of,
    gaps_of,
    plan_in_name,
    read_trials,
    trial_rows,
)
from raydoa.store.layout import Storage, open_storage

logger = logging.getLogger(__name__)


PAGE = "report.html"
"""The page, in a result dir."""


@dataclass(frozen=True)
class Loaded:
    """What result dirs hold.

    Attributes:
        cells: one row a finished cell, with the columns of `raydoa.experiment.result_row`.
        unfinished: trials that have begun and lack a row, as ``result dir/trial``.
        repeated: how many rows were there a second time.
        damaged: a line for each table that is, and was left aside.
    """

    cells: pd.DataFrame
    unfinished: tuple[str, ...]
    repeated: int
    damaged: tuple[str, ...] = ()

    @property
    def gaps(self) -> list[str]:
        """What is not in the cells, one line each."""
        lines = list(self.damaged)
        if self.unfinished:
            lines.append(
                f"the sweep is not finished: {len(self.unfinished)} trials have begun and have no result yet, such as "
                f"{self.unfinished[0]}"
            )
        if self.repeated:
            lines.append(f"{self.repeated} rows are there twice and counted once")
        return lines


def load(paths: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """One row a finished cell of the sweeps in ``paths``, sorted by what the cell is; warns of what is missing.

    Args:
        paths: one result dir or several, each a local path or a URL.

    Raises:
        UserError: one is no result dir, a raydoa with other columns wrote it, a value is not what its column
            holds, or two sweeps have measured the same plan in different ways.
    """
    loaded = read(paths)
    for line in loaded.gaps:
        logger.warning("%s", line)
    return loaded.cells


def read(paths: str | Path | Sequence[str | Path]) -> Loaded:
    """What `load` reads, with its warnings as values."""
    result_dirs = [paths] if isinstance(paths, str | Path) else list(paths)
    if not result_dirs:
        raise UserError("no result dir was given")
    parts = [_read_one(str(path).rstrip("/")) for path in result_dirs]
    named = [(str(path), part.cells) for path, part in zip(result_dirs, parts, strict=True)]
    cells, repeated = joined(named)
    unfinished = tuple(name for part in parts for name in part.unfinished)
    return Loaded(cells, unfinished, repeated, tuple(d for part in parts for d in part.damaged))


def read_results(result_dir: Path) -> pd.DataFrame:
    """The rows of one local sweep without its `cells.csv`, which is written from them.

    Raises:
        UserError: as `load`.
    """
    rows, unfinished = finished_rows(result_dir)
    for name in unfinished:
        logger.warning("%s: no result yet; the trial is not finished", name)
    if not rows:
        raise no_cells(str(result_dir), unfinished)
    return _sorted(as_cells(rows, str(result_dir)))


def finished_rows(result_dir: Path) -> tuple[list[ResultRow], list[str]]:
    """The rows of finished cells, and the names of trials that lack some.

    Raises:
        UserError: a raydoa with other columns wrote them.
    """
    folder, where = open_storage(str(result_dir)), str(result_dir)
    rows, unfinished = trial_rows(folder, where, sorted(folder.folders()))
    return rows + driver_rows(folder, where), unfinished


def write_cells(cells: pd.DataFrame, result_dir: Path) -> Path:
    """Write `cells.csv` into the result dir, whole or not at all, and return its path; beside it goes its checksum."""
    return write_table(cells.to_csv(index=False).encode(), result_dir)


def finished_plans(result_dir: str | Path) -> set[str]:
    """The ids of plans all of whose cells have valid rows in the trials' `result.json`, which are the truth.

    A trial that is damaged is not finished, and a warning names it.
    """
    where = str(result_dir)
    folder = open_storage(where)
    trials = read_trials(folder, where, sorted(folder.folders()))
    for trial in gaps_of(trials):
        if trial.damage is not None:
            logger.warning("%s; its plan is measured again", trial.damage)
    return finished_plans_of(trials)


def _read_one(where: str) -> Loaded:
    folder = open_storage(where)
    table, damage = _table(folder, where)
    trials = sorted(folder.folders())
    known = None
    if table is not None:
        plans = set(table["plan"][_has_trial(table)])
        trials = [trial for trial in trials if plan_in_name(trial) not in plans]
        known = int((~_has_trial(table)).sum())
    rows, unfinished = trial_rows(folder, where, trials)
    rows += driver_rows(folder, where, known)
    parts = [part for part in (table, as_cells(rows, where) if rows else None) if part is not None]
    if not parts:
        if damage is not None:
            raise UserError(f"{damage}, and there is nothing")
        raise no_cells(where, unfinished)
    cells = _sorted(concatenated(parts))
    names = tuple(f"{where}/{name}" for name in unfinished)
    return Loaded(cells, names, 0, () if damage is None else (damage,))


def _table(folder: Storage, where: str) -> tuple[pd.DataFrame | None, str | None]:
    """What is in `cells.csv`, None if it is not there or damaged; and what is wrong with it, in a line."""
    content, damage = read_table_file(folder, where)
    if damage is not None:
        return None, f"{damage}; {READ_INSTEAD}"
    return None if content is None else read_table(content, f"{where}/{CELLS_FILE}"), None


def _sorted(cells: pd.DataFrame) -> pd.DataFrame:
    # Two trials of one plan, of which the first was killed, say the same.
    return sorted_cells(cells.drop_duplicates("cell"))


def no_cells(where: str, unfinished: Sequence[str]) -> UserError:
    """The error about a result dir without a finished cell."""
    if unfinished:
        return UserError(
            f"{where}: {len(unfinished)} trials have begun and none is finished; look again when one is"
        )
    return UserError(
        f"{where}: no finished cells; expected a Tune result dir with */{RESULT_FILE}, local or a URL"
    )


def _has_trial(table: pd.DataFrame) -> "pd.Series[bool]":
    return ~table["status"].isin((INFEASIBLE, AWAITING_LABELS))
