"""The artifacts that a result dir rests on, which a garbage collection must keep.

Whoever asks is about to remove all others. So nothing is guessed: what cannot be read, or has not ended, may use artifacts
that no row names, and is an error.
"""

from collections.abc import Iterator
from pathlib import Path

from raydoa.errors import UserError
from raydoa.experiment.result_row import MEASURED, ResultRow
from raydoa.report.columns import read_table
from raydoa.report.results import no_cells
from raydoa.report.table_file import CELLS_FILE, read_table_file
from raydoa.report.trials import driver_rows, gaps_of, read_trials
from raydoa.search.journal import LOG_FILE, read_journal
from raydoa.store.layout import Storage, open_storage


def artifact_keys(result_dir: Path) -> set[str]:
    """Keys of the artifacts that the rows of a sweep or search rest on; what those were made from, the store knows.

    Raises:
        UserError: a trial has begun and lacks valid rows, or a proposal is pending: what it uses cannot be told; the
            table or the log is damaged or a symbolic link; or there are no rows at all.
    """
    where = str(result_dir)
    folder = open_storage(where)
    rows = [*_of_trials(folder, where), *_of_log(result_dir), *_of_table(folder, where)]
    for row in rows:
        if row["status"] == MEASURED and not isinstance(row["key_evaluation"], str):
            raise UserError(
                f"{where}: cell {row['cell']} does not say what it rests on, so nothing is removed; run the sweep again"
            )
    if not rows and not driver_rows(folder, where):
        raise no_cells(where, [])
    keys = {value for row in rows for name, value in row.items() if name.startswith("key_")}
    return {key for key in keys if isinstance(key, str)}


def _of_trials(folder: Storage, where: str) -> Iterator[ResultRow]:
    trials = read_trials(folder, where, sorted(folder.folders()))
    if gaps := gaps_of(trials):
        why = gaps[0].damage or f"{where}/{gaps[0].name}: not all of its cells have a result"
        more = f" (and {len(gaps) - 1} more)" if len(gaps) > 1 else ""
        raise UserError(
            f"{why}{more}; what a trial that has begun uses is not known, so nothing is removed: run the sweep again to "
            "its end, or remove that trial's folder"
        )
    for trial in trials:
        if trial.damage is None:
            yield from trial.rows


def _of_log(result_dir: Path) -> list[ResultRow]:
    """A search's log has each row at once, where Tune copies a trial's file into the result dir now and then."""
    entries = read_journal(result_dir / LOG_FILE)
    asked, told = (sum(name in entry for entry in entries) for name in ("asked", "told"))
    if asked > told:
        raise UserError(
            f"{result_dir / LOG_FILE}: {asked - told} proposals are pending; what their trials use is not known, so nothing "
            "is removed: run the search again to its end"
        )
    return [entry["row"] for entry in entries if "row" in entry]


def _of_table(folder: Storage, where: str) -> list[ResultRow]:
    """Of trials whose folders somebody has removed, the table still knows."""
    content, damage = read_table_file(folder, where)
    if damage is not None:
        raise UserError(
            f"{damage}; trials whose folders are gone may stand in no other file, so nothing is removed: run the sweep "
            "again, which writes the table anew, or remove it"
        )
    if content is None:
        return []
    table = read_table(content, f"{where}/{CELLS_FILE}")
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
