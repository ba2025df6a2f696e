"""What a model learns to say of a row, where that is not free text: one of a few classes, or entities of some types."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from raydoa.errors import UserError
from raydoa.tasks.task import CLOSED_METRICS, TaskSpec


@dataclass(frozen=True)
class Objective:
    """The classes of a task, or the types of its entities.

    A model that is opened with one says nothing else. `names` are texts as they stand in targets, and their order is that
    of the probabilities in soft labels.
    """

    kind: Literal["classes", "entities"]
    names: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Of what a distribution over it is over."""
        return f"{self.kind} {hashlib.sha256(json.dumps(self.names).encode()).hexdigest()}"

    def has(self, text: str) -> bool:
        """Whether a text is one of the classes, without regard to case and blanks, as the metrics read it."""
        return _folded(text) in map(_folded, self.names)

    def ids(self, texts: Sequence[str]) -> list[int]:
        """The class of each text, as a position in `names`. Raises `UserError`: one is none of them."""
        places = {_folded(name): place for place, name in enumerate(self.names)}
        for text in texts:
            if _folded(text) not in places:
                raise UserError(
                    f"target {text!r} is none of the task's classes {', '.join(self.names)}"
                )
        return [places[_folded(text)] for text in texts]


def objective_of(task: TaskSpec) -> Objective | None:
    """What the targets of a task are; None: text."""
    if task.metric in CLOSED_METRICS:
        return Objective("classes", task.classes)
    if task.metric == "entity_f1" and task.classes:
        return Objective("entities", task.classes)
    return None


def _folded(text: str) -> str:
    return text.strip().casefold()
