"""JSON: an object a line, one array of objects, or one object that holds such an array."""

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


def line_records(path: Path, notes: Notes) -> Iterator[LocatedRecord]:
    """An object a line. Raises `UserError`: a line is none."""
    return _of_lines(path, enumerate(text_lines(path, notes, guess=False), start=1))


def json_records(path: Path, notes: Notes) -> Iterator[LocatedRecord]:
    """Whatever of the three a file is, as its first lines tell.

    Raises:
        UserError: it is none of them.
    """
    lines = enumerate(text_lines(path, notes, guess=False), start=1)
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        return iter(())
    if _is_row(first[1]):
        notes.say(f"{path}: an object a line")
        return _of_lines(path, chain([first], lines))
    return _of_whole(path, "".join(line for _, line in chain([first], lines)), first[0])


def _is_row(line: str) -> bool:
    """Whether a first line is a whole object, and none that holds all rows."""
    try:
        values = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        return False
    return isinstance(values, dict) and not any(
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
            raise UserError(
                f"{location}: not JSON ({error.msg} at column {error.colno}); each line is one object"
            ) from None
        if not isinstance(values, dict):
            raise UserError(f"{location}: found {type(values).__name__}; each line is one object")
        yield location, values


def _of_whole(path: Path, text: str, first_line: int) -> Iterator[LocatedRecord]:
    try:
        whole: Any = json.loads(text)
    except json.JSONDecodeError as error:
        line = error.lineno + first_line - 1
        raise UserError(f"{path}:{line}: not JSON ({error.msg} at column {error.colno})") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply for rows") from None
    rows = whole
    if isinstance(whole, dict):
        lists = {name: value for name, value in whole.items() if _is_rows(value)}
        if len(lists) != 1:
            raise UserError(
                f"{path}: one object with {', '.join(map(repr, list(whole)[:5])) or 'nothing'}; rows are an array of objects, "
                "or an object a line"
            )
        (rows,) = lists.values()
    if not isinstance(rows, list):
        raise UserError(f"{path}: found {type(rows).__name__}; rows are an array of objects, or an object a line")  # fmt: skip
    for number, values in enumerate(rows, start=1):
        if not isinstance(values, dict):
            raise UserError(
                f"{path}: item {number}: found {type(values).__name__}; each item of the array is one object"
            )
        yield f"{path}: item {number}", values


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)
