"""A task's rows from where the user keeps them: `read_rows` is the only door.

What it returns is right: sources are text, train and test rows have a target, targets of a closed task are among its
classes, ids do not repeat. Rows without a label are pool; what is left out is counted and noted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raydoa.errors import Unreachable, UserError, did_you_mean
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.exports import export_of
from raydoa.tasks.exports.export import Export
from raydoa.tasks.reading.columnar import hub_records
from raydoa.tasks.reading.labels import Labels
from raydoa.tasks.reading.located import LocatedRecord
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.reading.records import TEXT_LINE, file_records
from raydoa.tasks.task import Columns, TaskSpec, hub_dataset

_OTHER_NAMES = {
    "source": ("text", "sentence", "content", "input", "question"),
    "target": ("label", "labels", "class", "category", "output", "answer"),
}
"""Of columns in files that do not have the default ones."""
_MOST_BLANK = 0.01
_FEW_BLANK = 10
"""Rows without text that are left out: more than both is a mistake about columns."""


def read_rows(spec: TaskSpec, data_root: str | Path | None) -> TaskRows:
    """Read and check the rows of a task; relative locations are relative to ``data_root``.

    Raises:
        UserError: rows are missing or malformed; the message names the file and the line.
    """
    notes = Notes()
    parts = {part: Part(spec, part, notes) for part in ("train", "test", "pool")}
    rows = {part: tuple(of_part.rows(data_root)) for part, of_part in parts.items()}
    for part in ("train", "test"):
        if not rows[part]:
            raise UserError(f"task {spec.name}: {part}: {getattr(spec, part)} has no rows")
    train, pool = rows["train"], rows["pool"]
    if unlabelled := tuple(row for row in train if row.target is None):
        notes.say(f"{spec.train}: {len(unlabelled):,} rows without a label join the pool")
        if pool:
            train, pool = tuple(row for row in train if row.target is not None), pool + unlabelled
    test = tuple(row for row in rows["test"] if row.target is not None)
    if left_out := len(rows["test"]) - len(test):
        notes.say(f"{spec.test}: {left_out:,} rows without a label are left out")
    text = tuple(
        _text(values, spec.columns.text, location)
        for location, values in part_records(spec, "text", data_root, notes)
    )
    return TaskRows(train, test, pool, text, notes.lines)


def part_records(
    spec: TaskSpec, part: str, data_root: str | Path | None, notes: Notes | None = None
) -> Iterator[LocatedRecord]:
    """The records of one part of a task (``train``, ``test``, ``pool``, ``text``), read as they are asked for.

    Raises:
        Unreachable: there is no such file, or the dataset cannot be had from here.
        UserError: a record is malformed.
    """
    location: str | None = getattr(spec, part)
    if location is None:
        return iter(())
    dataset = hub_dataset(location)
    if dataset is not None:
        return hub_records(dataset)
    path = Path(location)
    if not path.is_absolute():
        if data_root is None:
            raise Unreachable(
                f"task {spec.name}: {part}: {location} is relative to a data folder; "
                "name it with --data FOLDER"
            )
        path = Path(data_root) / path
    return file_records(path, notes or Notes())


@dataclass
class Part:
    """The rows of a part; a target of None is a row without a label.

    Attributes:
        spec: the task.
        part: ``train``, ``test`` or ``pool``.
        notes: take what was done.
        labels: read the targets; as the task says, unless given.
        blank, lacks: where rows have no text, and where the first has no such column as that of targets.
    """

    spec: TaskSpec
    part: str
    notes: Notes
    labels: Labels | None = None
    blank: list[str] = field(default_factory=list)
    lacks: list[LocatedRecord] = field(default_factory=list)

    def rows(self, data_root: str | Path | None) -> Iterator[Row]:
        """Yield them. Raises `UserError`: one is malformed, none has a label that should, or too many have no text."""
        needs_labels = self.part != "pool"
        if needs_labels and getattr(self.spec, self.part) is None:
            raise UserError(
                f"task {self.spec.name}: {self.part}: no location; say where its rows are"
            )
        labels = self.labels or Labels(self.spec, self.spec.columns.target, self.notes)
        count, labelled, first = 0, 0, ""
        for index, (location, values) in enumerate(part_records(self.spec, self.part, data_root, self.notes)):  # fmt: skip
            if index == 0:
                self._begin(location, values)
            read = self._row(location, values, labels)
            if read is None:
                continue
            source, target = read
            count, labelled, first = count + 1, labelled + (target is not None), first or location
            yield Row(f"{self.part}-{index}", source, target)
        self._check(count, labelled, first, needs_labels=needs_labels)
        if (agreement := labels.agreement()) is not None:
            self.notes.say(f"{getattr(self.spec, self.part)}: {agreement}")

    def _begin(self, location: str, values: Mapping[str, Any]) -> None:
        """See what a file is from its first record."""
        self._export: Export | None = export_of(values)
        if self._export is not None:
            self.notes.say(f"{getattr(self.spec, self.part)}: an export of {self._export.name}")
        self._columns = self._found(values)

    def _found(self, values: Mapping[str, Any]) -> Columns:
        """The columns of a file: those that the task names, or under names that are usual, where it names none."""
        named, found = self.spec.columns, {}
        for what, usual in _OTHER_NAMES.items():
            name = getattr(named, what)
            there = [one for one in usual if one in values]
            if name == what and name not in values and len(there) == 1 and self._export is None:
                found[what] = there[0]
                self.notes.say(
                    f"{getattr(self.spec, self.part)}: column {there[0]!r} is taken for {what!r}"
                )
        return named.model_copy(update=found)

    def _row(
        self, location: str, values: Mapping[str, Any], labels: Labels
    ) -> tuple[str, str | None] | None:
        """Source and target of a record; None: it is left out, and noted."""
        said: tuple[object, ...] = ()
        if self._export is not None and self._export.knows(values):
            exported = self._export.read(values, self._columns.source, location)
            if exported.left_out:
                self.notes.count(f"{getattr(self.spec, self.part)}: {{}} rows are left out: {exported.left_out}")  # fmt: skip
                return None
            source, said = exported.source, exported.said
        elif TEXT_LINE in values and self._columns.source not in values:
            source, said = values[TEXT_LINE], (None,)
            if self.part != "pool":
                raise UserError(f"{location}: lines of text have no labels; such a file is a `pool` or a `text`")  # fmt: skip
        else:
            source = _value(values, self._columns.source, location)
            said = (self._said(values, location),)
        if source is None or (isinstance(source, str) and not source.strip()):
            self.blank.append(f"{location}: {self._columns.source}: found {source!r}")
            self.notes.count(f"{getattr(self.spec, self.part)}: {{}} rows without text are left out")  # fmt: skip
            return None
        return checked(source, self._columns.source, location), self._label(labels, said, location)

    def _said(self, values: Mapping[str, Any], location: str) -> object:
        name = self._columns.target
        if name not in values and not self.lacks:
            self.lacks.append((location, values))
        return values.get(name)

    def _label(self, labels: Labels, said: tuple[object, ...], location: str) -> str | None:
        try:
            target = labels.read(said[0], location) if len(said) == 1 else labels.majority(said, location)  # fmt: skip
        except UserError:
            if self.part != "pool":
                raise
            self.notes.count(f"{self.spec.pool}: {{}} targets of the pool are no labels, and not looked at")  # fmt: skip
            return None
        return None if target is None else checked(target, self._columns.target, location, empty=True)  # fmt: skip

    def _check(self, count: int, labelled: int, first: str, *, needs_labels: bool) -> None:
        blank = len(self.blank)
        if blank and (not count or blank > max(_FEW_BLANK, _MOST_BLANK * (count + blank))):
            raise UserError(
                f"{self.blank[0]}; expected text that is not empty"
                + (f" ({blank:,} of {count + blank:,} rows are so)" if blank > 1 else "")
            )
        if needs_labels and count and not labelled:
            for location, values in self.lacks:
                _value(values, self._columns.target, location)
            raise UserError(
                f"{first}: {self._columns.target}: found None; expected text (it may be empty), and no other row has a label either"
            )


def _text(values: Mapping[str, Any], column: str, location: str) -> str:
    """Free text."""
    if TEXT_LINE in values and column not in values:
        column = TEXT_LINE
    return checked(_value(values, column, location), column, location)


def checked(value: object, column: str, location: str, *, empty: bool = False) -> str:
    """Text that every file and every tokenizer takes. Raises `UserError`: it is none."""
    if not isinstance(value, str) or not (empty or value.strip()):
        raise UserError(f"{location}: {column}: found {value!r}; expected text that is not empty")
    # JSON can spell half a character.
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise UserError(f"{location}: {column}: half a character (a lone surrogate); remove it")
    return value


def _value(values: Mapping[str, Any], column: str, location: str) -> object:
    if column not in values:
        raise UserError(
            f"{location}: no {column!r}; found {', '.join(map(repr, values))}"
            f"{did_you_mean(column, list(values))}; name other columns under `columns`"
        )
    return values[column]
