"""Tables of text: comma-separated and their kin.

What a file lacks of RFC 4180 is found from its first records and said: another separator, quotes behind blanks or
backslashes, a comma at the end of each line, comments before the header, blanks around the names of columns.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raydoa.errors import UserError
from raydoa.tasks.reading.dialects import SEPARATORS, Dialect, dialect_of, reader_of, swallows
from raydoa.tasks.reading.located import LocatedRecord
from raydoa.tasks.reading.notes import Notes

if TYPE_CHECKING:
    from _csv import Reader

_LONGEST_FIELD = 1 << 27
"""Characters: a text of a row, whatever its length; csv's own limit is 131,072."""
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff"
"""Blanks of no width."""


def table_records(
    path: Path, notes: Notes, separator: str | None = None
) -> Iterator[LocatedRecord]:
    """The records of a table with a header line; ``separator`` is what its kind has, where that is certain.

    Raises:
        UserError: a line cannot be read; it is named, and what to do.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    dialect = dialect_of(path, separator)
    if dialect.separator != (separator or ","):
        called = SEPARATORS.get(dialect.separator, repr(dialect.separator))
        notes.say(f"{path}: its separator is {called}")
    if dialect.quotes != "double":
        what = {
            "backslashes": "and separators within texts are behind backslashes, and \\N is nothing",
            "letters": "are letters as others",
        }
        notes.say(f"{path}: its quotes {what[dialect.quotes]}, and read so")
    if dialect.behind_blanks:
        notes.say(f"{path}: blanks before a field, as before its quotes, are left out")
    records = _records(path, reader_of(path, notes, dialect), dialect)
    first, told = next(records, (1, []))
    header = header_names(told, f"{path}:{first}", notes)
    for number, found in records:
        fields, location = found, f"{path}:{number}"
        if fields == told:
            notes.count(f"{path}: {{}} lines repeat the names of columns, and are left out")
            continue
        if swallows(dialect, found):
            raise UserError(
                f"{location}: found a quote that opens a field and closes lines below; write it twice, or put the whole text in quotes"
            )
        if any("\n" in field for field in found):
            notes.count(f"{path}: {{}} records go over several lines, as their quotes say")
        if len(fields) == len(header) + 1 and not fields[-1].strip():
            notes.count(f"{path}: {{}} lines end with a separator more than the header")
            fields = found[:-1]
        yield location, _record(header, fields, location)


def _records(path: Path, lines: "Reader", dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Those that are not empty, each with the number of its first line."""
    # MySQL writes so that there is nothing.
    nothing = "\\N" if dialect.quotes == "backslashes" else None
    before = 0
    try:
        for fields in lines:
            if any(fields):
                yield before + 1, ["" if field == nothing else field for field in fields]
            before = lines.line_num
    except csv.Error as error:
        why, number = f"not CSV ({error})", lines.line_num
        if "end of data" in str(error):
            why, number = "a quote is opened in this record and never closed", before + 1
        elif "expected after" in str(error):
            why = "a quote stands within a text that is in quotes"
        raise UserError(
            f"{path}:{number}: {why}; put such a text in double quotes, and write each quote of it twice"
        ) from None


def header_names(names: Sequence[str], location: str, notes: Notes) -> list[str]:
    """The names of columns, without the blanks around them. Raises `UserError`: two have one name."""
    trimmed = [name.strip().strip(_UNSEEN).strip() for name in names]
    if trimmed != list(names):
        notes.say(f"{location}: blanks around the names of columns are left out")
    twice = next((name for name in trimmed if name and trimmed.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{location}: two columns are called {twice!r}; give one another name")
    return trimmed


def _record(header: Sequence[str], fields: Sequence[str], location: str) -> dict[str, str]:
    if len(fields) != len(header):
        if len(header) == 1:
            advice = "is its separator another, or is the first line not the names of columns?"
        elif len(fields) > len(header):
            advice = "put texts that hold commas in double quotes"
        else:
            advice = "is a field missing, or a text that goes over several lines not in double quotes?"  # fmt: skip
        raise UserError(
            f"{location}: found {len(fields)} fields, the header has {len(header)}; {advice}"
        )
    return {name: field for name, field in zip(header, fields, strict=True) if name or field}
