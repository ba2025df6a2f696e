"""JSON: an object a line, one array of objects, objects one after another, or one object that holds an array of them."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.tasks.reading.located import LocatedRecord
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.reading.text import text_lines

_HOLD_ROWS = ("data", "rows", "records", "examples", "items", "train", "test", "pool")
_FORMS = 'rows are an array of objects, or an object a line (pandas: orient="records")'
_EACH_LINE = "each line is one object"
_TOO_LONG = "found a number that is too long; write it as text"
_DECODER = json.JSONDecoder()


def line_records(path: Path, notes: Notes) -> Iterator[LocatedRecord]:
    """An object a line, as the name says; what is JSON of another form is read as that, and said.

    Raises:
        UserError: it is none.
    """
    return _records(path, notes, lines_expected=True)


def json_records(path: Path, notes: Notes) -> Iterator[LocatedRecord]:
    """Whatever of the forms a file is, as its first lines tell.

    Raises:
        UserError: it is none of them.
    """
    return _records(path, notes, lines_expected=False)


def _records(path: Path, notes: Notes, *, lines_expected: bool) -> Iterator[LocatedRecord]:
    lines = enumerate(text_lines(path, notes, guess=False), start=1)
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        return iter(())
    if _is_row(first[1], lines_expected=lines_expected):
        if not lines_expected:
            notes.say(f"{path}: an object a line")
        return _of_lines(path, chain([first], lines))
    if lines_expected:
        notes.say(f"{path}: not an object a line, and read as JSON of another form")
    return _of_whole(path, "".join(line for _, line in chain([first], lines)), first[0], notes)


def _is_row(line: str, *, lines_expected: bool) -> bool:
    """Whether a first line is, or is meant as, a whole object, and none that holds all rows."""
    start = line.strip()
    try:
        values, end = _DECODER.raw_decode(start)
    except (ValueError, RecursionError):
        return lines_expected and start.endswith("}")
    if lines_expected:
        return not _is_rows(values)
    if not isinstance(values, dict) or end < len(start):
        return False
    # Of columns by their names, or of rows by their ids, if it has no value of its own.
    holds_all = all(isinstance(value, dict | list) for value in values.values())
    return not holds_all and not any(
        name in _HOLD_ROWS and _is_rows(value) for name, value in values.items()
    )


def _of_lines(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[LocatedRecord]:
    for number, line in lines:
        location = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{location}: not JSON ({_why(error, lines=True)})") from None
        except RecursionError:
            raise UserError(f"{location}: nested too deeply for a row") from None
        except ValueError as error:
            raise UserError(f"{location}: {_TOO_LONG} ({error})") from None
        if not isinstance(values, dict):
            raise UserError(f"{location}: found {type(values).__name__}; {_EACH_LINE}")
        yield location, values


def _why(error: json.JSONDecodeError, *, lines: bool) -> str:
    """What is wrong with a text that is none, for those who did not write the parser, and what to do."""
    here = error.doc[error.pos :].lstrip()
    if not here or error.msg.startswith("Unterminated string"):
        or_lines = ", or does an object go over several lines" if lines else ""
        return f"it ends before its object does; was the file cut off{or_lines}?"
    after_comma = error.doc[: error.pos].rstrip().endswith(",")
    known = {
        here[0] == "'": "JSON has double quotes, and none that are single: write rows with json.dumps",
        here[0] in "}]" and after_comma: "there is a comma before the closing bracket; leave it out",
        here[:2] in ("//", "/*") or here[0] == "#": "JSON has no comments; leave them out",
        error.msg == "Extra data": "a comma or more follows the first value" if here[0] == "," else "another value follows the first",
    }  # fmt: skip
    what = known.get(True, error.msg)
    return f"{what}, at column {error.colno}" + (f"; {_EACH_LINE}" if lines else "")


def _of_whole(path: Path, text: str, first_line: int, notes: Notes) -> Iterator[LocatedRecord]:
    try:
        whole: Any = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith("{"):
            notes.say(f"{path}: objects one after another")
            yield from _of_objects(path, text, first_line)
            return
        line = error.lineno + first_line - 1
        raise UserError(f"{path}:{line}: not JSON ({_why(error, lines=False)})") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply for rows") from None
    except ValueError as error:
        raise UserError(f"{path}: {_TOO_LONG} ({error})") from None
    rows = whole
    if isinstance(whole, dict):
        lists = {name: value for name, value in whole.items() if _is_rows(value)}
        if len(lists) != 1:
            raise UserError(
                f"{path}: one object with {', '.join(map(repr, list(whole)[:5])) or 'nothing'}; {_FORMS}"
            )
        (rows,) = lists.values()
    if not isinstance(rows, list):
        raise UserError(f"{path}: found {type(rows).__name__}; {_FORMS}")
    for number, values in enumerate(rows, start=1):
        if not isinstance(values, dict):
            raise UserError(
                f"{path}: item {number}: found {type(values).__name__}; each item of the array is one object"
            )
        yield f"{path}: item {number}", values


def _of_objects(path: Path, text: str, first_line: int) -> Iterator[LocatedRecord]:
    """Objects as `jq` writes them, each over some lines; where each begins."""
    line, end, size = first_line, 0, len(text.rstrip())
    while end < size:
        begin = end
        while text[begin].isspace():
            begin += 1
        line += text.count("\n", end, begin)
        try:
            values, end = _DECODER.raw_decode(text, begin)
        except json.JSONDecodeError as error:
            line = error.lineno + first_line - 1
            raise UserError(f"{path}:{line}: not JSON ({_why(error, lines=False)})") from None
        except ValueError as error:
            raise UserError(f"{path}:{line}: {_TOO_LONG} ({error})") from None
        if not isinstance(values, dict):
            raise UserError(f"{path}:{line}: found {type(values).__name__}; expected an object")
        yield f"{path}:{line}", values
        line += text.count("\n", begin, end)


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)
