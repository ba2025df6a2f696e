"""The stages: what can be made, each as the complete description that its key is a hash of.

    TaskData --> Vocabulary --> Pretrain --+
        |                                  +--> FineTune --> PseudoLabel (one a shard) --> Distill
        |           Checkpoint (TakeLayers)+       |                                         |
        +------------------------------------------+---------------> Evaluate <--------------+

A stage holds the stages it reads, so a cell's last stage is its whole recipe; nothing runs until somebody
asks for its artifact. How it runs (workers, ZeRO stage, devices, folders) is never a field here.

Labelled rows are the first rows of a seeded permutation and pool rows are taken from its back (see
`raydoa.tasks.split`), so both are described by counts: the teacher of N = 1,000 owned labels and that of
100 owned and 900 bought are one artifact, and a shard of the pool is the same for every U that contains it.

The seed of a training decides its rows and all its randomness; a ``repeat`` above 0 is another training on the same
rows, and `training_seed` is what then decides dropout and the order of batches.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from raydoa.models.lora import Lora
from raydoa.models.objective import Objective
from raydoa.pipeline.beginnings import (
    Checkpoint,
    Initial,
    Initialize,
    Pretrain,
    Role,
    TakeLayers,
    TaskData,
    Vocabulary,
)
from raydoa.store.key import LATER, Stage
from raydoa.tasks.task import MetricName, TaskSpec
from raydoa.training.recipe import Mixing, Recipe, Representation

PREDICTIONS_FILE = "predictions.jsonl"
"""Of an evaluation: what the model wrote, a row's ``id`` and its ``prediction`` a line."""


@dataclass(frozen=True)
class TextForm:
    """How rows become token ids; lengths are in tokens, the end included."""

    prefix: str
    source_length: int
    target_length: int

    @classmethod
    def of(cls, task: TaskSpec) -> "TextForm":
        """The form that a task's rows take."""
        return cls(task.prefix, task.source_length, task.target_length)


@dataclass(frozen=True)
class FineTune(Stage):
    """A model trained on the first ``labels`` labelled rows: a teacher, or a student that annotates.

    It learns from what is ``written`` by another label source as well, text to text.
    ``objective`` is what it is opened with; None: it writes text. With a ``lora``, that is trained, and all that is kept:
    the rest is ``initial``.
    """

    kind: ClassVar[str] = "fine_tune"
    role: ClassVar[Role] = "train"
    version: ClassVar[int] = 1
    initial: Initial
    data: TaskData
    form: TextForm
    labels: int
    recipe: Recipe
    steps: int
    seed: int
    repeat: int = field(default=0, metadata=LATER)
    objective: Objective | None = field(default=None, metadata=LATER)
    lora: Lora | None = field(default=None, metadata=LATER)
    written: "tuple[PseudoLabel, ...]" = field(default=(), metadata=LATER)

    @property
    def model(self) -> str:
        """The name of the model that is trained."""
        return self.initial.model

    def stands_on(self) -> tuple[Stage, ...]:
        """See `Stage.stands_on`: a LoRA is nothing without its base."""
        return (self.initial,) if self.lora is not None else ()


@dataclass(frozen=True)
class ChooseSparsity(Stage):
    """How many tokens a sparse representation of this teacher must keep, measured with this student, as it is trained."""

    kind: ClassVar[str] = "choose_sparsity"
    role: ClassVar[Role] = "train"
    version: ClassVar[int] = 2
    teacher: FineTune
    student: Initial
    data: TaskData
    form: TextForm
    recipe: Recipe
    representation: Representation
    seed: int
    lora: Lora | None = field(default=None, metadata=LATER)

    @property
    def model(self) -> str:
        """The name of the teacher."""
        return self.teacher.model


@dataclass(frozen=True)
class SourceConfig:
    """A label source and everything that decides what it answers: its options, and the version of its code."""

    name: str
    version: int = 1
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str:
        """What an option says, which is there."""
        return dict(self.options)[name]


TEACHER = SourceConfig("teacher")
LLM = "llm"
"""The name of the source that asks LLMs; its options say which, in which words, and with how many shots."""


@dataclass(frozen=True)
class PilotLlm(Stage):
    """An LLM measured on owned rows before it labels any: the first ``n`` labelled rows but those that it is shown."""

    kind: ClassVar[str] = "pilot_llm"
    role: ClassVar[Role] = "ask"
    version: ClassVar[int] = 2
    data: TaskData
    source: SourceConfig
    n: int
    rows: int
    seed: int

    @property
    def model(self) -> str:
        """The name of the LLM."""
        return self.source.option("llm")


@dataclass(frozen=True)
class PseudoLabel(Stage):
    """What a label source writes for the pool rows from ``start`` up to ``stop``: one shard.

    ``teacher`` is None for sources that need none. ``sparsity`` is None but for the sparse representation, and
    ``objective`` but for that of classes. Of a source that takes real money, ``owned`` labelled rows of the seed's order are left
    out of an order that no seed decides (`raydoa.tasks.split.paid_pool`); None: the pool is in the seed's order.
    """

    kind: ClassVar[str] = "pseudo_label"
    role: ClassVar[Role] = "label"
    version: ClassVar[int] = 4
    teacher: FineTune | None
    data: TaskData
    form: TextForm
    representation: Representation
    sparsity: ChooseSparsity | None
    start: int
    stop: int
    seed: int
    source: SourceConfig = field(default=TEACHER, metadata=LATER)
    objective: Objective | None = field(default=None, metadata=LATER)
    owned: int | None = field(default=None, metadata=LATER)

    @property
    def model(self) -> str:
        """The name of the teacher or LLM that writes, or of the source."""
        if self.teacher is not None:
            return self.teacher.model
        return dict(self.source.options).get("llm", self.source.name)

    @property
    def labeller(self) -> tuple[SourceConfig, str | None, Objective | None]:
        """What has to be opened to label it: shards of one labeller are labelled together."""
        teacher = self.teacher.key if self.teacher is not None else None
        return self.source, teacher, self.objective


@dataclass(frozen=True)
class Distill(Stage):
    """A student trained on what a label source wrote; in `mixed` on the first ``labels`` labelled rows of ``data`` as well.

    With those, ``mixing`` says how much they weigh and when they come; without any, ``data`` and ``mixing`` are None.
    ``objective`` is what the student is opened with; None: it writes text. ``lora`` is as in `FineTune`. An LLM's soft labels
    are learnt at the temperature that its ``pilot`` was calibrated to.
    """

    kind: ClassVar[str] = "distill"
    role: ClassVar[Role] = "train"
    version: ClassVar[int] = 1
    initial: Initial
    teacher: FineTune | None
    shards: tuple[PseudoLabel, ...]
    form: TextForm
    recipe: Recipe
    steps: int
    seed: int
    repeat: int = field(default=0, metadata=LATER)
    labels: int = field(default=0, metadata=LATER)
    data: TaskData | None = field(default=None, metadata=LATER)
    mixing: Mixing | None = field(default=None, metadata=LATER)
    objective: Objective | None = field(default=None, metadata=LATER)
    lora: Lora | None = field(default=None, metadata=LATER)
    pilot: PilotLlm | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        assert (self.labels > 0) == (self.data is not None) == (self.mixing is not None)

    @property
    def model(self) -> str:
        """The name of the student."""
        return self.initial.model

    def stands_on(self) -> tuple[Stage, ...]:
        """See `Stage.stands_on`: a LoRA is nothing without its base."""
        return (self.initial,) if self.lora is not None else ()

    @property
    def needs_teacher_head(self) -> bool:
        """Whether some of its shards have a teacher's distributions over tokens, as inputs of its head or sampled from it."""
        kinds = {shard.representation.kind for shard in self.shards}
        return self.is_aligned or not kinds.isdisjoint(("hidden", "sparse"))

    @property
    def is_aligned(self) -> bool:
        """Whether some of its shards are of a teacher of another tokenizer."""
        return any(shard.representation.kind == "aligned" for shard in self.shards)


_SEEDS_APART = 1_000_003


def training_seed(stage: Pretrain | FineTune | Distill) -> int:
    """The seed of a training's batches and dropout."""
    return stage.seed if isinstance(stage, Pretrain) else stage.seed + _SEEDS_APART * stage.repeat


@dataclass(frozen=True)
class Evaluate(Stage):
    """Scores of a trained model on ``rows`` test rows drawn once for all (all of them when None).

    ``scorer`` is the fingerprint of the BERTScore model that the metric compares meanings with; None where
    it needs none or has none, and then there is no score.
    """

    kind: ClassVar[str] = "evaluate"
    role: ClassVar[Role] = "evaluate"
    version: ClassVar[int] = 2
    trained: FineTune | Distill
    data: TaskData
    form: TextForm
    metric: MetricName
    classes: tuple[str, ...]
    rows: int | None
    scorer: str | None = None

    @property
    def model(self) -> str:
        """The name of the model that is scored."""
        return self.trained.model


VERSIONS = {
    stage.kind: stage.version
    for stage in (
        TaskData,
        Vocabulary,
        Pretrain,
        Checkpoint,
        TakeLayers,
        Initialize,
        FineTune,
        ChooseSparsity,
        PseudoLabel,
        PilotLlm,
        Distill,
        Evaluate,
    )
}
"""What the code that makes each kind of stage makes; a change of one makes every sweep another."""
