"""Whether the answer stands in the question."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from raydoa.tasks.data import Row
from raydoa.tasks.same_text import normal
from raydoa.tasks.task import CLOSED_METRICS, TaskSpec


@dataclass(frozen=True)
class Leaks:
    """Rows of the test set.

    Attributes:
        same: whose target is their source.
        named: of a task with classes, whose source has the name of its class as a word.
        misnamed: the same, whose source has the name of another class: where this is as frequent, nothing leaks.
    """

    same: int
    named: int = 0
    misnamed: int = 0

    @property
    def leaks(self) -> bool:
        """Whether names of classes give the answer away: at least thrice as many rows have their own as have another's."""
        return self.named >= 3 * max(1, self.misnamed)


def find_leaks(rows: Sequence[Row], spec: TaskSpec) -> Leaks:
    """Look for targets in sources."""
    same = sum(normal(row.source) == normal(row.target or "") for row in rows)
    if spec.metric not in CLOSED_METRICS:
        return Leaks(same)
    words = {
        normal(name): re.compile(rf"(?<!\w){re.escape(normal(name))}(?!\w)")
        for name in spec.classes
    }
    named = misnamed = 0
    for row in rows:
        source, own = normal(row.source), normal(row.target or "")
        said = {name for name, word in words.items() if name in source and word.search(source)}
        named += own in said
        misnamed += bool(said - {own})
    return Leaks(same, named, misnamed)
