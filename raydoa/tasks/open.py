"""A task's rows, wherever they come from: generated for the embedded task, read for every other."""

from pathlib import Path

from raydoa.tasks.data import TaskRows, read_rows
from raydoa.tasks.synthetic import LEXICON, Lexicon, lexicon_rows
from raydoa.tasks.task import TaskSpec


def task_rows(spec: TaskSpec, data_root: str | Path | None) -> TaskRows:
    """The rows of ``spec``.

    Raises:
        UserError: they are missing or malformed.
    """
    if spec == LEXICON:
        return lexicon_rows(Lexicon())
    return read_rows(spec, data_root)
