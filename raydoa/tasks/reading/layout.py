"""What the records of a file are: an annotation tool's, plain columns, or lines of text; as its first records show."""

from collections.abc import Mapping, Sequence
from typing import Any

from raydoa.errors import UserError, did_you_mean
from raydoa.tasks.exports import export_of
from raydoa.tasks.exports.export import Exported
from raydoa.tasks.reading.located import LocatedRecord
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
        head: the first records, and where they are; not all need to have a label.
        file: what notes call it.
        notes: take what was found.

    Raises:
        UserError: there is no column for the text, or it may be either of two.
    """

    def __init__(
        self, columns: Columns, head: Sequence[LocatedRecord], file: str, notes: Notes
    ) -> None:
        location, values = head[0]
        self._file, self._notes = file, notes
        export = export_of(values)
        own = [name for name in (columns.source, columns.target) if name not in vars(_DEFAULT).values()]  # fmt: skip
        # Columns that the task names, and that are none of the tool's, are of a file of one's own.
        self._export = export if export is not None and export.has(own, values) else None
        self.columns = columns
        if self._export is not None:
            notes.say(f"{file}: an export of {self._export.name}")
        elif TEXT_LINE not in values:
            self.columns = self._found(columns, {name for _, one in head for name in one}, location)

    def _found(self, named: Columns, names: set[str], location: str) -> Columns:
        """Columns under names that are usual, where the task names none."""
        found = {}
        both = named.source == _DEFAULT.source and {"source", "text"} <= names
        if both and named.target not in names:
            raise UserError(
                f"{location}: found both 'source' and 'text'; say under `columns` which is the text"
            )
        for what, usual in _OTHER_NAMES.items():
            name = getattr(named, what)
            if name in names:
                continue
            known = (name, *usual) if name == getattr(_DEFAULT, what) else (name,)
            folded = {one.casefold() for one in known}
            there = [one for one in known if one in names] or [
                one for one in names if one.casefold() in folded
            ]
            if len(there) == 1:
                found[what] = there[0]
                self._notes.say(f"{self._file}: column {there[0]!r} is taken for {name!r}")
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
        # A text among the names is of a first row.
        untitled = "; the first row of a table is the names of its columns" if any(" " in name for name in values) else ""  # fmt: skip
        raise UserError(
            f"{location}: no {column!r}; found {', '.join(map(repr, values))}{near}; name other columns under `columns`{untitled}"
        )
    return values[column]
