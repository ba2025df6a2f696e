"""What a public report says that people have, and what is right to make of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Pair = tuple[str, str | None]

CLASSES = ("billing", "defect", "question")
ROWS: tuple[Pair, ...] = (
    ("Where is my refund?", "billing"),
    ("The app crashes, twice", "defect"),
    ("How do I log in?", "question"),
)
OBJECTS = [{"source": source, "target": target} for source, target in ROWS]
LINES = "".join(json.dumps(row) + "\n" for row in OBJECTS)


@dataclass(frozen=True)
class Read:
    """The rows that come out, and a phrase of each line that is said about them: no more are said."""

    rows: tuple[Pair, ...] = ROWS
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """Where it is wrong, behind the file's name, and what the line says of it."""

    at: str
    says: tuple[str, ...]
    file: str | None = None
    """Another file that is named."""


@dataclass(frozen=True)
class Reported:
    """A file of labelled rows.

    Attributes:
        have: what people have, for the documentation.
        url: the report.
        file: its name.
        make: its bytes, or writes it to a path.
        right: what raydoa does.
        task: fields of the task beside those of three classes.
    """

    have: str
    url: str
    file: str
    make: str | bytes | Callable[[Path], object]
    right: Read | Refused = Read()
    task: Mapping[str, object] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Make the file in a folder."""
        path = folder / self.file
        if isinstance(self.make, str | bytes):
            path.write_bytes(self.make.encode() if isinstance(self.make, str) else self.make)
        else:
            self.make(path)


def table(separator: str = ",", header: str = "source,target", end: str = "\n") -> str:
    """The rows as a table, with quotes where a text needs them."""
    lines = [[f'"{text}"' if separator in text else text, label or ""] for text, label in ROWS]
    return end.join([header.replace(",", separator), *map(separator.join, lines), ""])
