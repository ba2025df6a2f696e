"""What trainings begin with, as stages: a task's rows, and models before they have seen a label (`raydoa.pipeline.stages`)."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from raydoa.store.key import LATER, Stage
from raydoa.training.recipe import PretrainRecipe

Role: TypeAlias = Literal["data", "train", "ask", "label", "evaluate"]
"""What kind of work a stage is; those of role `label` are shards, which a runner maps over."""


@dataclass(frozen=True)
class TaskData(Stage):
    """A task's rows, imported once; ``fingerprint`` is the hash of their content."""

    kind: ClassVar[str] = "task_data"
    role: ClassVar[Role] = "data"
    version: ClassVar[int] = 1
    task: str
    fingerprint: str


@dataclass(frozen=True)
class Vocabulary(Stage):
    """What a model family learns from the task's unlabelled text to read it: its pieces of words."""

    kind: ClassVar[str] = "vocabulary"
    role: ClassVar[Role] = "data"
    version: ClassVar[int] = 1
    data: TaskData
    size: int
    family: str = field(default="seq2seq", metadata=LATER)


@dataclass(frozen=True)
class Pretrain(Stage):
    """A model of raydoa's own, trained on the task's unlabelled text."""

    kind: ClassVar[str] = "pretrain"
    role: ClassVar[Role] = "train"
    version: ClassVar[int] = 1
    model: str
    vocabulary: Vocabulary
    data: TaskData
    recipe: PretrainRecipe
    seed: int

    @property
    def content(self) -> dict[str, object]:
        """What decides its weights, apart from the code."""
        rows, size = self.data.fingerprint, self.vocabulary.size
        return {"rows": rows, "vocabulary": size, "recipe": self.recipe, "seed": self.seed}


@dataclass(frozen=True)
class Checkpoint(Stage):
    """A pretrained checkpoint that exists elsewhere: a hub model at a commit, or a folder by its content."""

    kind: ClassVar[str] = "checkpoint"
    role: ClassVar[Role] = "data"
    version: ClassVar[int] = 1
    model: str
    fingerprint: str

    @property
    def content(self) -> str:
        """Its fingerprint."""
        return self.fingerprint


@dataclass(frozen=True)
class Initialize(Stage):
    """A model before any training, made for a task with ``classes``."""

    kind: ClassVar[str] = "initialize"
    role: ClassVar[Role] = "data"
    version: ClassVar[int] = 1
    model: str
    family: str
    classes: tuple[str, ...]
    seed: int

    @property
    def content(self) -> dict[str, object]:
        """What decides its weights, apart from the code."""
        return {"family": self.family, "classes": self.classes, "seed": self.seed}


@dataclass(frozen=True)
class TakeLayers(Stage):
    """Some layers of a checkpoint, to begin a smaller model with."""

    kind: ClassVar[str] = "take_layers"
    role: ClassVar[Role] = "data"
    version: ClassVar[int] = 1
    model: str
    checkpoint: Checkpoint
    layers: tuple[int, ...]

    @property
    def content(self) -> dict[str, object]:
        """What decides its weights, apart from the code."""
        return {"checkpoint": self.checkpoint.fingerprint, "layers": self.layers}


Initial: TypeAlias = Pretrain | Checkpoint | TakeLayers | Initialize
