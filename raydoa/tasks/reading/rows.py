"""A task's rows from where the user keeps them: `read_rows` is the only door.

What it returns is right: sources are text, train and test rows have a target, targets of a closed task are among its
classes, ids do not repeat. Rows without a label are pool; what is left out is counted and noted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from raydoa.errors import Unreachable, UserError
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.reading.columnar import hub_records
from raydoa.tasks.reading.labels import Labels
from raydoa.tasks.reading.layout import Layout, value_of
from raydoa.tasks.reading.located import LocatedRecord
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.reading.records import TEXT_LINE, file_records
from raydoa.tasks.reading.test_rows import without_test_rows
from raydoa.tasks.same_text import digest
from raydoa.tasks.task import LabelPrice, TaskSpec, hub_dataset

_HEAD = 50
"""Records from which it is seen what a file is."""
_MOST_BLANK = 0.01
_FEW_BLANK = 10
"""Rows without text that are left out: more than both is a mistake about columns."""


def read_rows(spec: TaskSpec, data_root: str | Path | None) -> TaskRows:
    """Read and check the rows of a task; relative locations are relative to ``data_root``.

    Raises:
        UserError: rows are missing or malformed; the message names the file and the line.
    """
    notes = Notes()
    labels = {
        part: Labels(spec, str(getattr(spec, part)), notes) for part in ("train", "test", "pool")
    }
    rows = {part: tuple(Part(spec, part, notes, of).rows(data_root)) for part, of in labels.items()}
    for part in ("train", "test"):
        if not rows[part]:
            raise UserError(f"task {spec.name}: {part}: {getattr(spec, part)} has no rows")
    tested = {digest(row.source) for row in rows["test"] if row.target is not None}
    train, pool = (
        without_test_rows(spec, part, rows[part], tested, notes) for part in ("train", "pool")
    )
    if unlabelled := tuple(row for row in train if row.target is None):
        notes.say(f"{spec.train}: {len(unlabelled):,} rows without a label join the pool")
        if pool or spec.labels == "people":
            train, pool = tuple(row for row in train if row.target is not None), pool + unlabelled
    test = tuple(row for row in rows["test"] if row.target is not None)
    if left_out := len(rows["test"]) - len(test):
        notes.say(f"{spec.test}: {left_out:,} rows without a label are left out")
    text = tuple(
        _text(values, spec.columns.text, location)
        for location, values in part_records(spec, "text", data_root, notes)
    )
    annotations = labels["train"].annotations
    if annotations > 1 and (price := spec.label_price) is not None:
        notes.say(f"{spec.train}: {_priced(price, annotations)}")
    return TaskRows(train, test, pool, text, annotations, (*spec.inferred, *notes.lines))


def _priced(price: LabelPrice, annotations: float) -> str:
    made = f"a label is made of {annotations:.2f} annotations in the mean"
    if price.per == "label":
        return f"{made}, and ${price.usd:g} is the price of all of them"
    return (
        f"{made}, each at ${price.usd:g}, so it costs ${price.of_label(annotations):.4g}; if that is the price of all of them, say "
        "`per: label` in label_price"
    )


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
class _Text:
    """A text that records are of: where its first is, its number among all, and what was said of it."""

    index: int
    location: str
    source: object
    said: list[object] = field(default_factory=list)


@dataclass
class Part:
    """The rows of a part; a target of None is a row without a label.

    Attributes:
        spec: the task.
        part: ``train``, ``test`` or ``pool``.
        notes: take what was done.
        labels: read the targets.
    """

    spec: TaskSpec
    part: str
    notes: Notes
    labels: Labels

    def rows(self, data_root: str | Path | None) -> Iterator[Row]:
        """Yield them. Raises `UserError`: one is malformed, none has a label that should, or too many have no text."""
        needs_labels = self.part != "pool"
        if needs_labels and self.file is None:
            raise UserError(
                f"task {self.spec.name}: {self.part}: no location; say where its rows are"
            )
        blank: list[str] = []
        count, labelled, empty, first = 0, 0, 0, ""
        for text in self._texts(data_root):
            if text.source is None or (isinstance(text.source, str) and not text.source.strip()):
                blank.append(f"{text.location}: {self.spec.columns.source}: found {text.source!r}")
                self.notes.count(f"{self.file}: {{}} rows without text are left out")
                continue
            source = checked(text.source, self.spec.columns.source, text.location)
            target = self._label(text)
            count, labelled, empty = (
                count + 1,
                labelled + (target is not None),
                empty + (target == ""),
            )
            first = first or text.location
            yield Row(f"{self.part}-{text.index}", source, target)
        self._check_blank(blank, count)
        if needs_labels and count and not labelled:
            raise UserError(
                f"{first}: {self.spec.columns.target}: found None; expected text (it may be empty), and no other row has a label either"
            )
        if empty and self.spec.metric != "entity_f1":
            self.notes.say(
                f"{self.file}: {empty:,} targets are empty, and stand for nothing to say"
            )
        if (agreement := self.labels.agreement()) is not None:
            self.notes.say(f"{self.file}: {agreement}")

    @property
    def file(self) -> str | None:
        """Where it is, as the task says."""
        location: str | None = getattr(self.spec, self.part)
        return location

    def _texts(self, data_root: str | Path | None) -> Iterator[_Text]:
        """Each text with what all its records say, in the order of their first."""
        records = part_records(self.spec, self.part, data_root, self.notes)
        head = list(islice(records, _HEAD))
        if not head:
            return
        layout = Layout(self.spec.columns, head, str(self.file), self.notes)
        several: dict[object, _Text] = {}
        lacks: LocatedRecord | None = None
        labelled = False
        for index, (location, values) in enumerate(chain(head, records)):
            read = layout.read(values, location)
            if read.left_out:
                self.notes.count(f"{self.file}: {{}} rows are left out: {read.left_out}")
                continue
            if TEXT_LINE in values and self.part != "pool" and not read.said:
                raise UserError(f"{location}: lines of text have no labels; such a file is a `pool` or a `text`")  # fmt: skip
            said = [*read.said, *([""] if read.nothing and self.spec.metric == "entity_f1" else [])]
            if said and read.doubt and self.part != "pool":
                self.notes.count(f"{self.file}: {{}} {read.doubt}")
            labelled = labelled or any(one is not None for one in said)
            lacks = lacks or (None if layout.columns.target in values else (location, values))
            key = layout.key(values)
            if key is None:
                yield _Text(index, location, read.source, said)
            else:
                text = several.setdefault(key, _Text(index, location, read.source))
                text.said += said
        yield from several.values()
        if lacks is not None and not (labelled or layout.is_export or self.part == "pool"):
            value_of(lacks[1], layout.columns.target, lacks[0])

    def _label(self, text: _Text) -> str | None:
        try:
            target = self.labels.majority(text.said, text.location)
        except UserError:
            if self.part != "pool":
                raise
            self.notes.count(
                f"{self.file}: {{}} targets of the pool are no labels, and not looked at"
            )
            return None
        column = self.spec.columns.target
        return None if target is None else checked(target, column, text.location, empty=True)

    def _check_blank(self, blank: Sequence[str], count: int) -> None:
        many = len(blank) > max(_FEW_BLANK, _MOST_BLANK * (count + len(blank)))
        if blank and (not count or many):
            raise UserError(
                f"{blank[0]}; expected text that is not empty"
                + (f" ({len(blank):,} of {count + len(blank):,} rows are so)" if many else "")
            )


def _text(values: Mapping[str, Any], column: str, location: str) -> str:
    """Free text."""
    if TEXT_LINE in values and column not in values:
        column = TEXT_LINE
    return checked(value_of(values, column, location), column, location)


def checked(value: object, column: str, location: str, *, empty: bool = False) -> str:
    """Text that every file and every tokenizer takes. Raises `UserError`: it is none."""
    if not isinstance(value, str) or not (empty or value.strip()):
        raise UserError(f"{location}: {column}: found {value!r}; expected text that is not empty")
    # JSON can spell half a character.
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise UserError(f"{location}: {column}: half a character (a lone surrogate); remove it")
    return value
