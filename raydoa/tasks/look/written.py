"""A look at a task's rows as it is kept beside the results of a sweep: plain values, in JSON.

What quotes rows stands apart from what only counts them, so that it can be left out.
"""

import re
from collections.abc import Iterable

from pydantic import ValidationError

from raydoa.settings import Settings

_QUOTED = re.compile(r"(['\"]).+?\1")


class WrittenOdd(Settings):
    """Something odd, in a line, and what it quotes of rows, which goes on from there."""

    line: str
    quoted: str = ""


class WrittenLook(Settings):
    """What was found in one task's rows: counts by what is counted, classes by part, and lines."""

    task: str
    metric: str
    counts: dict[str, int]
    classes: dict[str, dict[str, int]]
    sizes: tuple[str, ...]
    notes: tuple[str, ...]
    odd: tuple[WrittenOdd, ...]
    wrong: tuple[str, ...]

    def without_texts(self) -> "WrittenLook":
        """The same without what it quotes, and without notes that quote anything of the files."""
        bare = tuple(WrittenOdd(line=odd.line) for odd in self.odd)
        notes = tuple(note for note in self.notes if not _QUOTED.search(note))
        return self.model_copy(update={"odd": bare, "notes": notes})


class _File(Settings):
    tasks: tuple[WrittenLook, ...]


def looks_to_bytes(looks: Iterable[WrittenLook]) -> bytes:
    """The content of the file of several tasks."""
    return (_File(tasks=tuple(looks)).model_dump_json(indent=1) + "\n").encode()


def read_looks(content: bytes) -> tuple[WrittenLook, ...]:
    """What `looks_to_bytes` wrote. Raises `ValueError`: that, or another raydoa's, it is not."""
    try:
        return _File.model_validate_json(content).tasks
    except ValidationError as error:
        raise ValueError(str(error.errors()[0]["msg"])) from error
