"""What a model learns to say of a row, where that is not free text: one of a few classes, or entities of some types."""

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

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


def objective_of(task: TaskSpec) -> Objective | None:
    """What the targets of a task are; None: text."""
    if task.metric in CLOSED_METRICS:
        return Objective("classes", task.classes)
    if task.metric == "entity_f1" and task.classes:
        return Objective("entities", task.classes)
    return None
