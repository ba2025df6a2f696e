"""Rows of a finished sweep out of its `cells.csv`, without pandas: what a plan reads has to be there at once."""

import csv
import io
import logging
import math
from collections.abc import Mapping
from pathlib import Path

from raydoa.errors import UserError
from raydoa.experiment.result_row import ResultRow, items_in, quantity_column
from raydoa.experiment.row_values import Allowed, allowed_in, contradiction, in_short
from raydoa.report.result_lines import check_row_schema
from raydoa.report.table_file import CELLS_FILE, READ_INSTEAD, read_table_file
from raydoa.report.trials import driver_rows, trial_rows
from raydoa.store.layout import Storage, open_storage

logger = logging.getLogger(__name__)

_READ = (
    "task", "n", "teacher", "choices", "student", "seed", "repeat", "status", "feasible", "score",
)  # fmt: skip


def read_result_rows(result_dir: Path) -> list[ResultRow]:
    """The columns that say what was measured, and the score, of every cell in a result dir's `cells.csv`.

    If that is damaged, a warning says so, and the trials are read.

    Raises:
        UserError: there is no such file, or another raydoa or someone else wrote it.
    """
    folder, where = open_storage(str(result_dir)), str(result_dir)
    content, damage = read_table_file(folder, where)
    if damage is not None:
        return _rows_of_trials(folder, where, f"{damage}; {READ_INSTEAD}")
    if content is None:
        raise UserError(
            f"{where}: no {CELLS_FILE}; expected the result dir of a sweep or search that has ended"
        )
    path = f"{where}/{CELLS_FILE}"
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        table = csv.DictReader(text, strict=True)
        names = table.fieldnames or ()
        items = [quantity_column(item) for item in items_in(names)]
        allowed = {
            name: rule for name, rule in allowed_in(names).items() if name in (*_READ, *items)
        }
        return [_row(values, allowed, f"{path}:{line}") for line, values in enumerate(table, 2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: no table of cells ({error})") from None


def scored(row: ResultRow) -> bool:
    """Whether a row has a score that is a number."""
    return row["score"] is not None and math.isfinite(row["score"])


def _rows_of_trials(folder: Storage, where: str, damage: str) -> list[ResultRow]:
    rows, unfinished = trial_rows(folder, where, sorted(folder.folders()))
    rows += driver_rows(folder, where)
    if not rows:
        raise UserError(f"{damage}, and there is nothing")
    logger.warning("%s", damage)
    for name in unfinished:
        logger.warning("%s/%s: no result yet; the trial is not finished", where, name)
    return list({row["cell"]: row for row in rows}.values())


def _row(values: Mapping[str, str | None], allowed: Mapping[str, Allowed], where: str) -> ResultRow:
    check_row_schema(values.get("schema"), where)
    row: ResultRow = {}
    for name, rule in allowed.items():
        text = values.get(name)
        if text is None:
            raise UserError(f"{where}: the row has no column {name!r}; is this a raydoa sweep?")
        try:
            row[name] = rule.read_text(text)
        except (ValueError, OverflowError):
            raise UserError(
                f"{where}: {name}: found {in_short(text)}; expected {rule.words}"
            ) from None
    if None in values:
        raise UserError(f"{where}: the row has more fields than the table has columns")
    if quantity_column("student") not in row:
        raise UserError(f"{where}: the row has no column 'cost_student'; is this a raydoa sweep?")
    if (fault := contradiction(row)) is not None:
        raise UserError(f"{where}: {fault}")
    return row
