"""Workbooks, and files that were called so."""

import datetime
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl

from tests.unit.tasks.reported.case import ROWS, Read, Refused, Reported, table

_GITHUB = "https://github.com"
_HEADER = ("source", "target")
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)


def _book(*rows: Sequence[object], merge: str = "") -> Callable[[Path], None]:
    def make(path: Path) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for cells in rows:
            sheet.append(cells)
        if merge:
            sheet.merge_cells(merge)
        book.save(path)

    return make


def _bytes(*rows: Sequence[object]) -> bytes:
    file = io.BytesIO()
    book = openpyxl.Workbook()
    assert book.active is not None
    for cells in rows:
        book.active.append(cells)
    book.save(file)
    return file.getvalue()


def _with_sheets(path: Path) -> None:
    _book(_HEADER, *ROWS)(path)
    book = openpyxl.load_workbook(path)
    book.create_sheet("Codes").append(("source", "other"))
    book.save(path)


def _formatted(path: Path) -> None:
    """With cells that have a form and nothing else, far below."""
    _book(_HEADER, *ROWS)(path)
    book = openpyxl.load_workbook(path)
    assert book.active is not None
    book.active["A900"].font = openpyxl.styles.Font(bold=True)
    book.save(path)


WORKBOOKS = [
    Reported(
        "an ending in capitals, and several sheets", f"{_GITHUB}/OpenDataServices/cove/issues/482", "T.XLSX", _with_sheets,
        Read(says=("its first sheet, 'Sheet', is read; 1 others are not",)),
    ),
    Reported("rows far below that have a form and no text", f"{_GITHUB}/dimagi/commcare-hq/pull/22486", "t.xlsx", _formatted),
    Reported(
        "a title above the header", f"{_GITHUB}/DataGarage/node-xls-json/issues/33", "t.xlsx",
        _book(("Tickets of May", None), _HEADER, *ROWS),
        Refused(": 'Sheet' row 2", ("no 'source'; found 'Tickets of May'", "the first row of a table is the names of its columns")),
    ),
    Reported(
        "a label in cells that are merged", f"{_GITHUB}/tidyverse/readxl/pull/220", "t.xlsx",
        _book(_HEADER, ("Where is my refund?", "billing"), ("It is late", None), merge="B2:B3"),
        Read((("Where is my refund?", "billing"), ("It is late", None)), ("1 rows without a label join the pool",)),
    ),
    Reported(
        "formulas whose values no program has stored", f"{_GITHUB}/felipe-prenholato/openpyxl/issues/69", "t.xlsx",
        _book(_HEADER, ("Where is my refund?", '=LOWER("BILLING")')),
        Refused(": 'Sheet' row 2: target", ("a formula without a value", "save it, which stores values")),
    ),
    Reported(
        "a label `1-2` that became a date", f"{_GITHUB}/harvard-library/aspace-import-excel/issues/6", "t.xlsx",
        _book(_HEADER, ("a", "1-1"), ("b", datetime.datetime(2026, 1, 2))),
        Refused(": 'Sheet' row 3: target", ("found a date, 2026-01-02 00:00:00", "format its column as text")),
        {"classes": ["1-1", "1-2"]},
    ),
    Reported(
        "a label `01` that became 1", f"{_GITHUB}/pandas-dev/pandas/issues/46895", "t.xlsx", _book(_HEADER, ("a", 1)),
        Refused(": 'Sheet' row 2: target", ("found '1'; classes of tickets are 01, 02",)), {"classes": ["01", "02"]},
    ),
    Reported(
        "a text that became a number", f"{_GITHUB}/Quartz/bad-data-guide/issues/34", "t.xlsx", _book(_HEADER, ("a", "defect"), (5551234, "billing")),
        Refused(": 'Sheet' row 3: source", ("found 5551234; expected text",)),
    ),
    Reported(
        "`#N/A` of a lookup that failed", f"{_GITHUB}/pyexcel/pyexcel-xls/pull/27", "t.xlsx", _book(_HEADER, ("a", "defect"), ("b", "#N/A")),
        Refused(": 'Sheet' row 3: target", ("found '#N/A'", "where a row has no label, leave its target empty")),
    ),
    Reported(
        "a table of text called `.xlsx`", f"{_GITHUB}/equinor/pyscal/pull/240", "t.xlsx", table(),
        Refused("", ("not a workbook", "a table of text is called .csv")),
    ),
    Reported(
        "a workbook called `.csv`", f"{_GITHUB}/datopian/data-cli/issues/261", "t.csv", _bytes(_HEADER, *ROWS),
        Refused("", ("a workbook or a ZIP archive by its first bytes", "a workbook's name ends with .xlsx")),
    ),
    Reported(
        "a workbook of old, called `.xlsx`", f"{_GITHUB}/justkawal/excel/pull/258", "t.xlsx", _OLD,
        Refused("", ("a workbook of old (.xls)", "save it as .xlsx, or as CSV")),
    ),
    Reported(
        "a workbook of old", f"{_GITHUB}/dilshod/xlsx2csv/issues/61", "t.xls", _OLD,
        Refused(": train", ("rows are read from .jsonl, .csv, .parquet", ".xlsx"), file="task.yaml"),
    ),
]  # fmt: skip
