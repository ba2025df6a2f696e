"""How a table of text is written: its separator, its quotes, and where its header begins, as its first lines show."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from raydoa.errors import UserError
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.reading.text import text_lines

if TYPE_CHECKING:
    from _csv import Reader

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_HINT = re.compile(r"""^"?sep=(?P<separator>[^\w\s"]|\t)"?\s*$""", re.IGNORECASE)
"""First line of tables for Excel."""
_BACKSLASH = re.compile(r"\\(.|\n)")
_LOOKED_AT = 50
"""Lines, and records, of the beginning of a file."""
_READ: dict[str, dict[str, Any]] = {
    "double": {},
    "backslashes": {"doublequote": False, "escapechar": "\\"},
    "letters": {"quoting": csv.QUOTE_NONE},
}


class Dialect(NamedTuple):
    """How fields are told apart.

    Attributes:
        separator: the letter between them.
        quotes: what a quote within a text is: ``double``, behind ``backslashes``, or one of its ``letters`` as any.
        behind_blanks: whether blanks between a separator and a quote are left out.
    """

    separator: str
    quotes: str
    behind_blanks: bool = False


def reader_of(path: Path, notes: Notes, dialect: Dialect) -> "Reader":
    """The records of a table, its header included; comments before it are empty records."""
    lines = _lines(path, notes)
    if dialect.quotes == "backslashes":
        lines = _with_their_backslashes(lines, dialect.separator)
    return csv.reader(
        lines, strict=True, delimiter=dialect.separator,
        skipinitialspace=dialect.behind_blanks, **_READ[dialect.quotes],
    )  # fmt: skip


def _with_their_backslashes(lines: Iterator[str], separator: str) -> Iterator[str]:
    """Lines in which a backslash that stands before neither a quote, a separator nor another one stays what it is."""
    escaping = ('"', separator, "\\")
    for line in lines:
        yield _BACKSLASH.sub(lambda pair: pair[0] if pair[1] in escaping else f"\\{pair[0]}", line)


def dialect_of(path: Path, separator: str | None) -> Dialect:
    """How the first records are read: the first way that gives all of them as many fields as the header, and two at least."""
    start = _start(path)
    if start and (hint := _HINT.match(start[0])):
        separator = hint["separator"]
    text = "".join(start)
    separators = [separator] if separator else list(SEPARATORS)
    escaped = any(f"\\{letter}" in text for letter in ('"', *separators))
    quotes = ["double", *(["backslashes"] if escaped else [])]
    ways = [Dialect(one, how) for how in quotes for one in separators]
    # Those who write tabs between fields seldom put quotes around them.
    ways += [Dialect("\t", "letters")] if "\t" in separators else []
    heads = [(way, _head(path, way)) for way in ways]
    if (behind := _behind_blanks(path, heads, text)) is not None:
        return behind
    fitting = [(way, found) for way, found in heads if _fits(found)]
    if fitting:
        way, found = fitting[0]
        # Between tabs, quotes that hold a line's end are seldom meant so: rows would be lost in a text.
        letters = [
            one
            for one, others in fitting
            if one.quotes == "letters"
            and (len(others) > len(found) or any(swallows(way, fields) for fields in found))
        ]
        return letters[0] if letters else way
    # With a mistake in some line: the separator that the header has.
    for way, found in heads[: len(separators)]:
        if found and len(found[0]) > 1:
            return way
    return ways[0]


def swallows(dialect: Dialect, fields: Sequence[str]) -> bool:
    """Whether a field between tabs has tabs and ends of lines in its quotes: rows, more likely than a text."""
    return dialect.separator == "\t" and any("\t" in field and "\n" in field for field in fields)


def _start(path: Path) -> list[str]:
    """The first lines; a file that is not text says so when it is read."""
    try:
        return list(islice(text_lines(path, Notes(), guess=True), _LOOKED_AT))
    except UserError:
        return []


def _behind_blanks(
    path: Path, heads: Sequence[tuple[Dialect, list[list[str]]]], text: str
) -> Dialect | None:
    """The way of a file that has blanks between a separator and a quote; None: they are of its texts, or there are none."""
    for way, plain in heads:
        if way.quotes == "letters" or not re.search(
            f'(^|{re.escape(way.separator)}) +"', text, re.MULTILINE
        ):
            continue
        found = _head(path, way._replace(behind_blanks=True))
        stripped = [[field.lstrip(" ") for field in fields] for fields in plain]
        if _fits(found) and found != stripped:
            return way._replace(behind_blanks=True)
    return None


def _head(path: Path, way: Dialect) -> list[list[str]]:
    """The header and the first records; the header alone where these cannot be read so."""
    found: list[list[str]] = []
    try:
        for fields in islice(filter(any, reader_of(path, Notes(), way)), _LOOKED_AT):
            found.append(fields)
    except (csv.Error, UserError):
        return found[:1]
    return found


def _fits(found: Sequence[Sequence[str]]) -> bool:
    """Whether records have as many fields as the header; an empty last field that the header has not is no field."""
    if len(found) < 2 or len(found[0]) < 2:
        return False
    size = len(found[0])
    return all(
        len(fields) == size or (len(fields) == size + 1 and not fields[-1].strip())
        for fields in found
    )


def _lines(path: Path, notes: Notes) -> Iterator[str]:
    """The lines of a table; those before its header that are none are empty, so that all keep their numbers."""
    lines = text_lines(path, notes, guess=True)
    comments: list[str] = []
    for number, line in enumerate(lines, start=1):
        if number == 1 and _HINT.match(line):
            yield "\n"
        elif line.startswith("#"):
            comments.append(line)
        else:
            yield from _without_comments(path, notes, comments, line)
            break
    else:
        yield from comments
    yield from lines


def _without_comments(path: Path, notes: Notes, comments: list[str], line: str) -> Iterator[str]:
    """What begins with a ``#`` before a header, unless that is the header: without a blank, and with as many columns."""
    names = comments.pop() if comments and _may_be_header(comments[-1], line) else None
    if comments:
        notes.say(f"{path}: {len(comments)} lines before the header begin with # and are left out")
    yield from ["\n"] * len(comments)
    yield from [line] if names is None else [names, line]


def _may_be_header(comment: str, line: str) -> bool:
    for one in SEPARATORS:
        names, fields = (
            next(csv.reader([text], delimiter=one), []) for text in (comment.rstrip("\r\n"), line)
        )
        if len(names) == len(fields) > 1:
            return all(name and name[0] != " " for name in (names[0][1:], *names[1:]))
    return False
