"""Where a student meets its teacher: what is kept of the teacher's labels, and over what.

| both | learnt from |
|---|---|
| write tokens of one tokenizer | the distribution over its tokens, at each token |
| can say the task's classes | the distribution over the classes, of each row |
| tag tokens of one tokenizer | the distribution over the tags, of each token |
| write tokens of two tokenizers, if `aligned` is asked for | the text, and where its tokens meet the distribution over those of both |
| anything else | the text that the teacher writes |

A tokenizer is known by the fingerprint of what its ids mean, never by how many there are alone: distributions over two
vocabularies of one size compare without an error and mean nothing. (A head may be padded to more outputs than there are
ids, and then two of one tokenizer do not fit.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from raydoa.errors import UserError
from raydoa.models import FAMILIES
from raydoa.models.objective import Objective
from raydoa.training.recipe import Kind, Representation

OutputSpace: TypeAlias = Literal["tokens", "aligned", "classes", "text"]


@dataclass(frozen=True)
class Speaker:
    """What must be known of a model to distil from it or into it.

    Attributes:
        name: the model's.
        family: its family's name.
        space: fingerprint of its tokens: of what it writes, or of what it tags; None: it cannot be reached from here.
        outputs, writes: as of its `ModelShape`.
    """

    name: str
    family: str
    space: str | None
    outputs: int
    writes: str = "tokens"

    def objective(self, of_task: Objective | None, task: str) -> Objective | None:
        """What it is opened with to learn a task. Raises `UserError`: it cannot learn it."""
        try:
            return FAMILIES.get(self.family).objective(of_task)
        except UserError as why:
            raise UserError(f"model {self.name}, task {task}: {why}") from why

    def shares_tokens(self, other: "Speaker") -> bool:
        """Whether an id means the same to both; of one that cannot be reached, as is usual in a family of that size."""
        if self.outputs != other.outputs:
            return False
        if None in (self.space, other.space):
            return self.family == other.family
        return self.space == other.space


@dataclass(frozen=True)
class Meeting:
    """What is kept of the teacher, and the ``objective`` whose classes it is over; None: tokens, or text."""

    representation: Representation
    objective: Objective | None = None

    @property
    def output_space(self) -> OutputSpace:
        """What the student's loss is over."""
        return space_of(self.representation.kind)


def space_of(kind: Kind) -> OutputSpace:
    """What labels of a kind (`Representation.kind`) are over."""
    spaces: Mapping[Kind, OutputSpace] = {
        "hidden": "tokens",
        "sparse": "tokens",
        "aligned": "aligned",
        "classes": "classes",
        "text": "text",
    }
    return spaces[kind]


def meeting(
    teacher: Speaker,
    student: Speaker,
    of_task: Objective | None,
    task: str,
    wanted: Representation,
) -> Meeting:
    """Where ``teacher`` and ``student`` meet on a task; ``wanted`` is kept where it can be.

    Raises:
        UserError: one of them cannot learn the task.
    """
    theirs = [speaker.objective(of_task, task) for speaker in (teacher, student)]
    shared = teacher.shares_tokens(student)
    over_classes = of_task is not None and of_task.kind == "classes"
    if wanted.kind == "text":
        return Meeting(wanted)
    over_tokens = theirs == [None, None] and "text" not in (teacher.writes, student.writes)
    if over_tokens and shared and not (over_classes and wanted.kind == "classes"):
        if wanted.kind == "aligned":  # All positions are, and all tokens are shared.
            return Meeting(wanted.model_copy(update={"kind": "hidden"}))
        return Meeting(wanted if wanted.kind != "classes" else Representation())
    if over_classes or (shared and of_task is not None and theirs == [of_task, of_task]):
        return Meeting(Representation(kind="classes"), of_task)
    if over_tokens and wanted.kind == "aligned":
        return Meeting(wanted)
    return Meeting(Representation(kind="text"))
