"""The interface of a tool's export."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raydoa.errors import UserError


@dataclass(frozen=True)
class Exported:
    """A record, read.

    Attributes:
        source: the text.
        said: what each annotator made of it; empty: nobody has said anything.
        left_out: why the record is no row; "": it is one.
    """

    source: object
    said: tuple[str, ...] = ()
    left_out: str = ""


class Export(ABC):
    """A tool.

    Attributes:
        name: what it is called.
    """

    name: str

    @abstractmethod
    def knows(self, values: Mapping[str, Any]) -> bool:
        """Whether a record is from this tool."""

    @abstractmethod
    def read(self, values: Mapping[str, Any], column: str, location: str) -> Exported:
        """Read a record; ``column`` is what the task calls the text, where the tool leaves its name open.

        Raises:
            UserError: it is not as the tool writes it, or has several labels.
        """


Span = tuple[int, int, str]
"""Where it begins and ends in the text, in characters, and its type."""


def one_label(labels: Sequence[object], location: str) -> str:
    """The label of a record that may have several. Raises `UserError`: it has."""
    if len(labels) != 1:
        raise UserError(
            f"{location}: found the labels {', '.join(map(str, labels))}; a row has one: keep one, or make of each class a task of "
            "its own that asks whether it applies"
        )
    return str(labels[0])


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
