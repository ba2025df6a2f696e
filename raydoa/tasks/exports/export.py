"""The interface of a tool's export."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raydoa.errors import UserError
from raydoa.tasks.task import Columns


@dataclass(frozen=True)
class Exported:
    """A record, read.

    Attributes:
        source: the text.
        said: what each annotator made of it; empty: nobody has said anything.
        nothing: whether somebody has looked and marked nothing, which says that there is no entity.
        doubt: what the tool does not write down and the answer depends on, after "{} records"; "": nothing.
        left_out: why the record is no row; "": it is one.
    """

    source: object
    said: tuple[object, ...] = ()
    nothing: bool = False
    doubt: str = ""
    left_out: str = ""


class Export(ABC):
    """A tool.

    Attributes:
        name: what it is called.
        own: names of its columns, where the task may call others its own; empty: whatever the task names is within a record.
    """

    name: str
    own: frozenset[str] = frozenset()

    @abstractmethod
    def knows(self, values: Mapping[str, Any]) -> bool:
        """Whether a record is from this tool."""

    def has(self, columns: Iterable[str], values: Mapping[str, Any]) -> bool:
        """Whether columns that a task names are this tool's, so that its records are read as such."""
        return not self.own or all(name in self.own for name in columns if name in values)

    def key(self, values: Mapping[str, Any]) -> object:
        """What the records of one text share that have an annotator each; None: a record is a text."""
        return None

    @abstractmethod
    def read(self, values: Mapping[str, Any], columns: Columns, location: str) -> Exported:
        """Read a record; ``columns`` are what the task calls text and label, where the tool leaves their names open.

        Raises:
            UserError: it is not as the tool writes it.
        """


Span = tuple[int, int, str]
"""Where it begins and ends in the text, in characters, and its type."""


def of_labels(labels: Sequence[object]) -> object:
    """What an annotator said who may give several labels: the one, or all of them, which only a pool may have."""
    return labels[0] if len(labels) == 1 else list(labels)


def one_label(labels: Sequence[object], location: str) -> str:
    """The label of a row that may have several. Raises `UserError`: it has."""
    if len(labels) != 1:
        raise UserError(
            f"{location}: found the labels {', '.join(map(str, labels))}; a row has one: keep one, or make of each class a task of "
            "its own that asks whether it applies"
        )
    return str(labels[0])


def text_in(fields: Mapping[str, Any], columns: Columns, location: str) -> object:
    """The text among the fields of a record: as the task names it, else `text`, else the only one that is text.

    Raises:
        UserError: it may be any of several.
    """
    named = columns.source if columns.source != Columns().source else "text"
    for name in (named, "text"):
        if name in fields:
            return fields[name]
    texts = [name for name, value in fields.items() if isinstance(value, str)]
    if len(texts) != 1:
        raise UserError(
            f"{location}: found the fields {', '.join(map(repr, fields))}; say under `columns` which is the source"
        )
    return fields[texts[0]]


def entities_of(text: object, spans: Iterable[Span], location: str) -> str:
    """Spans as the target of an `entity_f1` task: each with its type behind it, in the order of the text.

    Raises:
        UserError: a span is not within the text.
    """
    if not isinstance(text, str):
        raise UserError(f"{location}: found spans, and no text that they are of")
    written = []
    for start, end, kind in sorted(spans):
        if not 0 <= start < end <= len(text):
            raise UserError(
                f"{location}: found a span from {start} to {end}; the text has {len(text)} characters"
            )
        written.append(f"{text[start:end].strip()} [{kind}]")
    return " ".join(written)
