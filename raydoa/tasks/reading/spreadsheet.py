"""The first sheet of a workbook (.xlsx), its first row being the names of columns."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from zipfile import BadZipFile

from raydoa.errors import UserError
from raydoa.tasks.reading.located import LocatedRecord
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.reading.tables import header_names

_LOOKED_AT = 10
"""Rows in which an empty cell may be a formula: looking opens the file again."""


def spreadsheet_records(path: Path, notes: Notes) -> Iterator[LocatedRecord]:
    """The rows of the first sheet; a cell is text, a number as it was typed, or None where it is empty.

    Raises:
        UserError: it is no workbook, has no names of columns, or openpyxl is not installed.
    """
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise UserError(f"{path}: a workbook is read by openpyxl: pip install openpyxl, or save it as CSV") from None  # fmt: skip
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, OSError, ValueError, SyntaxError) as error:
        raise UserError(
            f"{path}: not a workbook, or a damaged one ({error}); a table of text is called .csv"
        ) from None
    first, *others = book.sheetnames
    if others:
        notes.say(f"{path}: its first sheet, {first!r}, is read; {len(others)} others are not")
    rows = book[first].iter_rows(values_only=True)
    told = ["" if name is None else str(name) for name in next(rows, ())]
    names = header_names(told, f"{path}: {first!r}", notes)
    if not any(names):
        raise UserError(f"{path}: {first!r}: no names of columns in its first row")
    for number, cells in enumerate(rows, start=2):
        if not any(cell is not None for cell in cells):
            continue
        if number <= _LOOKED_AT and any(
            name and cell is None for name, cell in zip(names, cells, strict=False)
        ):
            _refuse_formulas(path, number, names)
        if any(cell is not None for name, cell in zip_longest(names, cells) if not name):
            notes.count(
                f"{path}: {{}} rows have cells in columns without a name, which are left out"
            )
        yield (
            f"{path}: {first!r} row {number}",
            {name: cell for name, cell in zip(names, cells, strict=False) if name},
        )


def _refuse_formulas(path: Path, number: int, names: Sequence[str]) -> None:
    """Look at a row with an empty cell. Raises `UserError`: a formula is there, whose value no program has stored."""
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True)
    rows = book[book.sheetnames[0]].iter_rows(min_row=number, max_row=number)
    for name, cell in zip(names, next(rows, ()), strict=False):
        if name and cell.data_type == "f":
            raise UserError(
                f"{path}: {book.sheetnames[0]!r} row {number}: {name}: a formula without a value; open the file in a spreadsheet "
                "program and save it, which stores values"
            )
