"""What the trials of a result dir have left, whole or not.

A trial's folder is ``<first cell>-<plan id>-<trial id>``, and its `result.json` has a line for each cell that asked for the
plan. A sweep that is run again gives a plan without rows a new trial, and a search what a crash has interrupted: so a
trial that has not ended, or is damaged, is a gap only where no other trial has measured its plan.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from raydoa.errors import UserError
from raydoa.experiment.result_row import DRIVER_FILE, MEASURED, ResultRow
from raydoa.report.result_lines import cells_asked, parsed, results_of, row_in
from raydoa.report.table_file import read_file
from raydoa.store.layout import Storage
from raydoa.store.names import shown
from raydoa.store.storage import OddEntry

RESULT_FILE = "result.json"
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
            values = parsed(line)
        except ValueError as fault:
            raise UserError(f"{path}:{number}: {fault}") from None
        rows.append(row_in(values, f"{path}:{number}"))
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
        results = results_of(content, path)
        asked = cells_asked(results, path)
        rows = tuple(row_in(values, path) for values in results)
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
            return (
                f"cell {shown(row['cell'])} is {row['status']}; the rows of a trial are {MEASURED}"
            )
        if asked and row["cell"] not in asked:
            return f"cell {shown(row['cell'])} has not asked for its plan; expected {', '.join(sorted(asked))}"
    return None
