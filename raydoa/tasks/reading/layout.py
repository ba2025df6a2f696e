"""What the records of a file are: an annotation tool's, plain columns, or lines of text; as its first record shows."""

from collections.abc import Mapping
from typing import Any

from raydoa.errors import UserError, did_you_mean
from raydoa.tasks.exports import export_of
from raydoa.tasks.exports.export import Exported
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.reading.records import TEXT_LINE
from raydoa.tasks.task import Columns

_OTHER_NAMES = {
    "source": ("text", "sentence", "content", "input", "question"),
    "target": ("label", "labels", "class", "category", "output", "answer"),
}
"""Of columns in files that do not have the default ones."""
_DEFAULT = Columns()


class Layout:
    """Reads the records of a file.

    Args:
        columns: as the task names them.
        first: the first record, and where it is.
        file: what notes call it.
        notes: take what was found.

    Raises:
        UserError: there is no column for the text, or it may be either of two.
    """

    def __init__(
        self, columns: Columns, first: tuple[str, Mapping[str, Any]], file: str, notes: Notes
    ) -> None:
        location, values = first
        self._file, self._notes = file, notes
        export = export_of(values)
        own = [name for name in (columns.source, columns.target) if name not in vars(_DEFAULT).values()]  # fmt: skip
        # Columns that the task names, and that are none of the tool's, are of a file of one's own.
        self._export = export if export is not None and export.has(own, values) else None
        self.columns = columns
        if self._export is not None:
            notes.say(f"{file}: an export of {self._export.name}")
        elif TEXT_LINE not in values:
            self.columns = self._found(columns, values, location)

    def _found(self, named: Columns, values: Mapping[str, Any], location: str) -> Columns:
        """Columns under names that are usual, where the task names none."""
        found = {}
        both = named.source == _DEFAULT.source and {"source", "text"} <= values.keys()
        if both and named.target not in values:
            raise UserError(
                f"{location}: found both 'source' and 'text'; say under `columns` which is the text"
            )
        for what, usual in _OTHER_NAMES.items():
            name = getattr(named, what)
            there = [one for one in usual if one in values]
            if name == getattr(_DEFAULT, what) and name not in values and len(there) == 1:
                found[what] = there[0]
                self._notes.say(f"{self._file}: column {there[0]!r} is taken for {what!r}")
        return named.model_copy(update=found)

    @property
    def is_export(self) -> bool:
        """Whether it is an annotation tool's."""
        return self._export is not None

    def key(self, values: Mapping[str, Any]) -> object:
        """What records of one text share that have an annotator each; None: a record is a row."""
        return self._export.key(values) if self._export is not None else None

    def read(self, values: Mapping[str, Any], location: str) -> Exported:
        """Source and what was said of it. Raises `UserError`: there is no source."""
        if self._export is not None and self._export.knows(values):
            return self._export.read(values, self.columns, location)
        if TEXT_LINE in values and self.columns.source not in values:
            return Exported(values[TEXT_LINE])
        source = value_of(values, self.columns.source, location)
        return Exported(source, (values.get(self.columns.target),))


def value_of(values: Mapping[str, Any], column: str, location: str) -> object:
    """What a column holds. Raises `UserError`: there is none of that name."""
    if column not in values:
        near = did_you_mean(column, [name for name in values if name != column])
        raise UserError(
            f"{location}: no {column!r}; found {', '.join(map(repr, values))}{near}; name other columns under `columns`"
        )
    return values[column]
