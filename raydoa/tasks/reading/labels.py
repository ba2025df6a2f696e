"""Labels as people write them, as the classes of a task: by rules that are said, and never by likeness."""

import datetime
import math
import unicodedata
from collections import Counter
from collections.abc import Sequence

from raydoa.errors import UserError, did_you_mean
from raydoa.tasks.exports.export import one_label
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.task import CLOSED_METRICS, TaskSpec

_NO_LABEL = {"nan", "none", "null", "na", "n/a", "#n/a", "-", "?", "unlabeled", "unlabelled"}
"""What programs write where nothing is, in any case; a class may be called so."""


class Labels:
    """What stands in a file for each class.

    Args:
        spec: the task; `class_of` says what its files write for a class, beside its name in any case.
        file: that they are in, for notes.
        notes: take what was mended.
    """

    def __init__(self, spec: TaskSpec, file: str, notes: Notes) -> None:
        self._spec, self._column, self._file, self._notes = spec, spec.columns.target, file, notes
        self._closed = spec.metric in CLOSED_METRICS
        self._classes = {fold(name): name for name in spec.classes} if self._closed else {}
        self._classes |= {fold(said): name for said, name in spec.class_of.items()}
        self._mended: dict[str, str] = {}
        self._said: list[tuple[str, ...]] = []
        self._annotations = self._rows = 0

    @property
    def annotations(self) -> float:
        """Of a row that has a label in the end, the mean; those are counted that nobody agreed with as well."""
        return self._annotations / self._rows if self._rows else 1.0

    def read(self, value: object, location: str) -> str | None:
        """The target that a value is; None: there is no label.

        Raises:
            UserError: it is none of the classes, or no text where any text may be.
        """
        if isinstance(value, list | tuple) and (self._closed or len(value) > 1):
            value = one_label(value, location) if value else None
        if is_missing(value):
            return None
        if isinstance(value, int | float) and self._closed:
            value = number_as_text(value)
        if not isinstance(value, str):
            raise UserError(
                f"{location}: {self._column}: found {_shown(value)}; expected text (it may be empty)"
            )
        if not self._closed:
            return value
        return self._class(value, location) if value.strip() else None

    def majority(self, said: Sequence[object], location: str) -> str | None:
        """What most annotators said; None: none did, or as many said something else, which is counted."""
        labels = [label for one in said if (label := self.read(one, location)) is not None]
        self._annotations += len(labels)
        if len(labels) < 2:
            self._rows += len(labels)
            return labels[0] if labels else None
        self._said.append(tuple(labels))
        ranked = Counter(labels).most_common(2)
        if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
            self._notes.count(
                f"{self._file}: {{}} rows on which annotators are divided have no label"
            )
            return None
        self._rows += 1
        return ranked[0][0]

    def agreement(self) -> str | None:
        """How far annotators agree (Krippendorff's alpha, nominal); None: no row has two, or all said the same of all."""
        kinds = sorted({label for labels in self._said for label in labels})
        if len(kinds) < 2:
            return None
        # Imported here: few files have several annotators.
        import krippendorff
        import numpy as np

        counts = np.array([[labels.count(kind) for kind in kinds] for labels in self._said])
        alpha = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
        return (
            f"annotators agree with Krippendorff's alpha = {alpha:.2f} on the {len(self._said):,} rows that several have labelled; "
            "a row has the label of most"
        )

    def _class(self, value: str, location: str) -> str:
        folded = fold(value)
        name = self._classes.get(folded) or self._classes.get(folded.removesuffix(".0"))
        if name is None:
            raise UserError(
                f"{location}: {self._column}: found {value!r}; classes of {self._spec.name} are "
                f"{', '.join(self._spec.classes)}{self._hint(value)}"
            )
        if name != value and value not in self._spec.class_of:
            how = "case or blanks" if value.isascii() else "case, blanks or the form of Unicode"
            if folded not in self._classes:
                how = "the .0 of a number"
            if how not in self._mended:
                such = f"such as {value!r} as {name!r}"
                self._mended[how] = f"{self._file}: {{}} targets differ from their class by {how} and are read as it, {such}"  # fmt: skip
            self._notes.count(self._mended[how])
        return name

    def _hint(self, value: str) -> str:
        """What to do about a target that is no class."""
        if fold(value) in _NO_LABEL:
            return "; where a row has no label, leave its target empty"
        near = did_you_mean(value, list(self._spec.classes))
        foreign = next((letter for letter in value if not letter.isascii() and letter not in "".join(self._classes)), None)  # fmt: skip
        if near and foreign is not None:
            near += (
                f"; its {foreign!r} is {unicodedata.name(foreign, 'a character without a name')}"
            )
        return near


def is_missing(value: object) -> bool:
    """Whether a cell has nothing: tables of numbers write that as one that is none."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def number_as_text(value: float) -> str:
    """A number as data sets write classes: 1, also for 1.0, where a spreadsheet has been at it; True."""
    whole = not isinstance(value, bool) and math.isfinite(value) and value == int(value)
    return str(int(value)) if whole else str(value)


def _shown(value: object) -> str:
    """A value as its owner knows it."""
    if isinstance(value, datetime.date):
        return f"a date, {value}, as spreadsheets make of text; format its column as text, and type it again"
    return repr(value)


def fold(text: str) -> str:
    """What labels have in common that are the same: all but case, blanks, and how an accent is written."""
    folded = text.strip().casefold()
    # Two spellings of an accent are one text, by Unicode's rule and on every screen.
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)
