"""Tables of text: comma-separated and their kin.

What a file lacks of RFC 4180 is found from its first records and said: another separator, quotes behind backslashes, a
comma at the end of each line, blanks around the names of columns.
"""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from raydoa.errors import UserError
from raydoa.tasks.reading.located import LocatedRecord
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.reading.text import text_lines

if TYPE_CHECKING:
    from _csv import Reader

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_LOOKED_AT = 50
"""Records of the beginning of a file."""
_LONGEST_FIELD = 1 << 27
"""Characters: a text of a row, whatever its length; csv's own limit is 131,072."""


_READ: dict[str, dict[str, Any]] = {
    "double": {},
    "backslashes": {"doublequote": False, "escapechar": "\\"},
    "letters": {"quoting": csv.QUOTE_NONE},
}


class _Dialect(NamedTuple):
    separator: str
    quotes: str


def table_records(
    path: Path, notes: Notes, separator: str | None = None
) -> Iterator[LocatedRecord]:
    """The records of a table with a header line; ``separator`` is what its kind has, where that is certain.

    Raises:
        UserError: a line cannot be read; it is named, and what to do.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    dialect = _dialect(path, separator)
    if dialect.separator != (separator or ","):
        notes.say(f"{path}: its separator is {_SEPARATORS[dialect.separator]}")
    if dialect.quotes != "double":
        what = {"backslashes": "are behind backslashes", "letters": "are letters as others"}
        notes.say(f"{path}: its quotes {what[dialect.quotes]}, and read so")
    lines = _reader(path, notes, dialect)
    try:
        header = header_names(next(filter(any, lines), []), f"{path}:1", notes)
        for found in filter(any, lines):
            fields = found
            location = f"{path}:{lines.line_num}"
            if any("\n" in field for field in found):
                notes.count(f"{path}: {{}} records go over several lines, as their quotes say")
            if len(fields) == len(header) + 1 and not fields[-1].strip():
                notes.count(f"{path}: {{}} lines end with a separator more than the header")
                fields = found[:-1]
            yield location, _record(header, fields, location)
    except csv.Error as error:
        raise UserError(f"{path}:{lines.line_num}: not CSV ({error})") from None


def _reader(path: Path, notes: Notes, dialect: _Dialect) -> "Reader":
    lines = text_lines(path, notes, guess=True)
    return csv.reader(lines, strict=True, delimiter=dialect.separator, **_READ[dialect.quotes])


def _dialect(path: Path, separator: str | None) -> _Dialect:
    """How the first records are read: the first way that gives all of them as many fields as the header, and two at least."""
    separators = [separator] if separator else list(_SEPARATORS)
    quotes = ["double", *(["backslashes"] if _has_backslashes(path) else [])]
    ways = [_Dialect(one, how) for how in quotes for one in separators]
    # Those who write tabs between fields seldom put quotes around them.
    ways += [_Dialect("\t", "letters")] if "\t" in separators else []
    counts = [(way, _field_counts(path, way)) for way in ways]
    fitting = [
        (way, found)
        for way, found in counts
        if len(found) > 1 and found[0] > 1 and set(found) == {found[0]}
    ]
    if fitting:
        way, found = fitting[0]
        # Between tabs, quotes that hold a line's end are seldom meant so: rows would be lost in a text.
        letters = [
            one for one, others in fitting if one.quotes == "letters" and len(others) > len(found)
        ]
        return letters[0] if letters else way
    # With a mistake in some line: the separator that the header has.
    for way, found in counts[: len(separators)]:
        if found and found[0] > 1:
            return way
    return ways[0]


def _has_backslashes(path: Path) -> bool:
    """Whether some quote is behind one; a file that is not text says so when it is read."""
    try:
        return any(
            '\\"' in line for line in islice(text_lines(path, Notes(), guess=True), _LOOKED_AT)
        )
    except UserError:
        return False


def _field_counts(path: Path, way: _Dialect) -> list[int]:
    """Fields of the header and of the first records; none where these cannot be read so."""
    try:
        found = [len(fields) for fields in islice(filter(any, _reader(path, Notes(), way)), _LOOKED_AT)]  # fmt: skip
    except (csv.Error, UserError):
        return _header_count(path, way)
    # An empty last field that the header has not is no field.
    return [found[0], *(n - 1 if n == found[0] + 1 else n for n in found[1:])] if found else []


def _header_count(path: Path, way: _Dialect) -> list[int]:
    try:
        return [len(next(filter(any, _reader(path, Notes(), way)), []))]
    except (csv.Error, UserError):
        return []


def header_names(names: Sequence[str], location: str, notes: Notes) -> list[str]:
    """The names of columns, without the blanks around them. Raises `UserError`: two have one name."""
    trimmed = [name.strip() for name in names]
    if trimmed != list(names):
        notes.say(f"{location}: blanks around the names of columns are left out")
    twice = next((name for name in trimmed if name and trimmed.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{location}: two columns are called {twice!r}; give one another name")
    return trimmed


def _record(header: Sequence[str], fields: Sequence[str], location: str) -> dict[str, str]:
    if len(fields) != len(header):
        advice = (
            "is its separator another?" if len(header) == 1
            else "put texts that hold commas in double quotes"
        )  # fmt: skip
        raise UserError(
            f"{location}: found {len(fields)} fields, the header has {len(header)}; {advice}"
        )
    return {name: field for name, field in zip(header, fields, strict=True) if name or field}
