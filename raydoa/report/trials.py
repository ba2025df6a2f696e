"""What the trials of a result dir have left, whole or not.

A trial's folder is ``<first cell>-<plan id>-<trial id>``, and its `result.json` has a line for each cell that asked for the
plan. A sweep that is run again gives a plan without rows a new trial, and a search what a crash has interrupted: so a
trial that has not ended, or is damaged, is a gap only where no other trial has measured its plan.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from raydoa.errors import UserError
from raydoa.experiment.cell import cell_from_json
from raydoa.experiment.result_row import DRIVER_FILE, MEASURED, ROW_SCHEMA, ResultRow
from raydoa.experiment.row_values import checked_row, shown
from raydoa.report.table_file import read_file
from raydoa.store.layout import Storage
from raydoa.store.storage import OddEntry

RESULT_FILE = "result.json"
_NO_CELLS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""How a cell cannot be made of JSON, whose values may be any."""
_NAME = re.compile(r".+-([0-9a-f]{12})-[^-]+")


@dataclass(frozen=True)
class Trial:
    """What a trial has left.

    Attributes:
        name: of its folder.
        plan: the id of its plan, as its rows say, or else its name; empty if neither does.
        rows: of its finished cells.
        asked: the names of its cells, as far as its rows tell.
        damage: what is wrong with its rows, in a line; None if nothing is, even if some are missing.
    """

    name: str
    plan: str
    rows: tuple[ResultRow, ...] = ()
    asked: frozenset[str] = frozenset()
    damage: str | None = None

    @property
    def finished(self) -> bool:
        """Whether it has a valid row for each of its cells."""
        measured = {row["cell"] for row in self.rows}
        return self.damage is None and bool(measured) and measured >= self.asked


def plan_in_name(trial: str) -> str:
    """The plan's id in the name of a trial's folder; empty if it has none."""
    found = _NAME.fullmatch(trial)
    return found[1] if found else ""


def read_trials(folder: Storage, where: str, names: Sequence[str]) -> list[Trial]:
    """The trials among these folders of a result dir, in their order; a folder that is none of one is passed over.

    Nothing is read through a symbolic link: a trial whose folder or file is one, is damaged.
    """
    paths = {f"{name}/{RESULT_FILE}": name for name in names}
    read = {paths[path]: content for path, content in _contents(folder, paths, where)}
    trials = []
    for name in names:
        plan, content = plan_in_name(name), read.get(name)
        if isinstance(content, bytes):
            trials.append(_trial(name, content, f"{where}/{name}/{RESULT_FILE}"))
        elif plan:  # Without content it has begun, and is about to open the file.
            trials.append(Trial(name, plan, damage=content))
    return trials


def finished_plans_of(trials: Iterable[Trial]) -> set[str]:
    """The plans that a trial has measured for all cells that asked for them."""
    return {trial.plan for trial in trials if trial.finished}


def gaps_of(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that are not finished, and whose plan no other has measured."""
    finished = finished_plans_of(trials) - {""}
    return [trial for trial in trials if not trial.finished and trial.plan not in finished]


def trial_rows(
    folder: Storage, where: str, names: Sequence[str]
) -> tuple[list[ResultRow], list[str]]:
    """The rows of trials, and the names of those that are not finished.

    Raises:
        UserError: one is damaged, and no other has measured its plan.
    """
    trials = read_trials(folder, where, names)
    gaps = gaps_of(trials)
    for trial in gaps:
        if trial.damage is not None:
            raise UserError(trial.damage)
    rows = [row for trial in trials if trial.damage is None for row in trial.rows]
    return rows, [trial.name for trial in gaps]


def driver_rows(folder: Storage, where: str, known: int | None = None) -> list[ResultRow]:
    """The rows of cells without a trial, which are written all at once; none if so many as there are, are ``known``.

    Raises:
        UserError: a line is no row, a row has a value that its column may not hold, or the file is a symbolic link.
    """
    content, path = read_file(folder, DRIVER_FILE) or b"", f"{where}/{DRIVER_FILE}"
    if content.count(b"\n") == known:
        return []
    if content and not content.endswith(b"\n"):
        raise UserError(
            f"{path}: its last row is cut off; run the sweep again, which writes it anew"
        )
    rows = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            values = _parsed(line)
        except ValueError as fault:
            raise UserError(f"{path}:{number}: {fault}") from None
        rows.append(_row(values, f"{path}:{number}"))
    return rows


def _contents(
    folder: Storage, paths: Iterable[str], where: str
) -> Iterator[tuple[str, bytes | str]]:
    """The files that there are, each with its content, or with a line about why it cannot be read."""
    left = dict.fromkeys(paths)
    try:
        for path, content in folder.read_all(list(left)):
            del left[path]
            yield path, content
    except (OSError, UserError):
        for path in left:
            try:
                yield path, folder.read(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                yield path, f"{where}/{path}: cannot be read ({error.strerror or error})"
            except OddEntry as odd:
                yield path, str(odd)
            except UserError as error:
                yield path, f"{where}/{path}: cannot be read ({error})"


def _trial(name: str, content: bytes, path: str) -> Trial:
    plan = plan_in_name(name)
    try:
        results = _results(content, path)
        asked = _cells_asked(results, path)
        rows = tuple(_row(values, path) for values in results)
    except UserError as fault:
        return Trial(name, plan, damage=str(fault))
    plans = {str(row["plan"]) for row in rows}
    if (fault_of_rows := _fault(plan, plans, rows, asked)) is not None:
        return Trial(name, plan, damage=f"{path}: {fault_of_rows}")
    return Trial(name, plan or next(iter(plans), ""), rows, asked)


def _fault(
    plan: str, plans: AbstractSet[str], rows: Sequence[ResultRow], asked: AbstractSet[str]
) -> str | None:
    """What rows say against their trial, each of them being a valid one; None if nothing."""
    if len(plans | ({plan} - {""})) > 1:
        return (
            f"its rows are of plan {' and '.join(sorted(plans))}, and its folder of {plan or 'one'}"
        )
    for row in rows:
        if row["status"] != MEASURED:
            return f"cell {row['cell']} is {row['status']}; the rows of a trial are {MEASURED}"
        if asked and row["cell"] not in asked:
            return f"cell {row['cell']} has not asked for its plan; expected {', '.join(sorted(asked))}"
    return None


def _results(content: bytes, path: str) -> list[ResultRow]:
    """The last line of each cell: a trial that was retried has appended all of its lines again.

    A last line without its end was cut off by a crash, and so was one that is followed by those of a retry.
    """
    *lines, last = content[: content.rfind(b"\n") + 1].splitlines() or [b""]
    results = {}
    for line in lines:
        with suppress(ValueError):
            values = _parsed(line)
            results[_cell(values)] = values
    if last:
        try:
            values = _parsed(last)
        except ValueError as error:
            raise UserError(f"{path}: its last line is {error}") from None
        results[_cell(values)] = values
    return list(results.values())


def _cell(values: ResultRow) -> str:
    cell = values.get("cell")
    return cell if isinstance(cell, str) else shown(cell)


def _parsed(line: bytes) -> ResultRow:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from None
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("no row of a sweep")
    return values


def _row(values: ResultRow, where: str) -> ResultRow:
    if "cell" in values or values.get("schema", 0) not in range(ROW_SCHEMA):
        check_row_schema(values.get("schema"), where)
    try:
        return checked_row(values)
    except KeyError as missing:
        raise UserError(
            f"{where}: the row has no column {missing}; is this a raydoa sweep?"
        ) from None
    except ValueError as fault:
        raise UserError(f"{where}: {fault}") from None


def check_row_schema(schema: object, where: str) -> None:
    """Refuse rows of another raydoa.

    Raises:
        UserError: what was found, and what to do.
    """
    text = "" if schema is None else str(schema)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if number != ROW_SCHEMA:
        remedy = "run the sweep again, which makes nothing that is in its store"
        raise UserError(
            f"{where}: rows have schema {shown(schema) if number == 0 and text else text or 'none'}, this raydoa reads "
            f"{ROW_SCHEMA}; {'upgrade raydoa' if number > ROW_SCHEMA else remedy}"
        )


def _cells_asked(results: Sequence[Mapping[str, Any]], path: str) -> frozenset[str]:
    """The names of a trial's cells, as its results tell; none if they do not."""
    config = results[-1].get("config") if results else None
    trial = config.get("trial") if isinstance(config, dict) else None
    if not isinstance(trial, dict) or "cells" not in trial:
        return frozenset()
    try:
        names = frozenset(cell_from_json(cell).name for cell in json.loads(trial["cells"]))
    except _NO_CELLS:
        names = frozenset()
    if not names:
        raise UserError(
            f"{path}: config.trial.cells is {shown(trial['cells'])}; expected its cells as JSON"
        )
    return names
