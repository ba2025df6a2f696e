"""The first sheet of a workbook (.xlsx), its first row being the names of columns."""

from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile

from raydoa.errors import UserError
from raydoa.tasks.reading.located import LocatedRecord
from raydoa.tasks.reading.notes import Notes


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
    except (BadZipFile, InvalidFileException, KeyError, OSError) as error:
        raise UserError(f"{path}: not a workbook, or a damaged one ({error})") from None
    first, *others = book.sheetnames
    if others:
        notes.say(f"{path}: its first sheet, {first!r}, is read; {len(others)} others are not")
    rows = book[first].iter_rows(values_only=True)
    names = ["" if name is None else str(name).strip() for name in next(rows, ())]
    if not any(names):
        raise UserError(f"{path}: {first!r}: no names of columns in its first row")
    for number, cells in enumerate(rows, start=2):
        values = {
            name: cell for name, cell in zip(names, cells, strict=False) if name or cell is not None
        }
        if any(cell is not None for cell in values.values()):
            yield f"{path}: {first!r} row {number}", values
