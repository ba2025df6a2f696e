"""Model families: what must be known of a kind of model to train, price, label with and score it.

A family is three small classes in one file, and one entry in `raydoa.models.FAMILIES`:

- a `ModelShape` says how large a model is and how long its work takes, before anything is downloaded;
- a `Model` is one that is open: it turns rows into token ids, has a loss, and writes targets;
- a `Family` recognises checkpoints by their `config.json`, and builds and opens models.

Everything else reaches models through these, so no layer, head or formula is known outside a family's file. The training
loop sees token ids only: a source and a target are lists of integers, whatever they stand for. A classifier's target is
one id, its class; a linear model's source ids are the buckets of its n-grams.

A model is opened to write text, or with an `Objective`: then what it generates, and its soft labels, are over the
objective's classes, whether it has a head for them or scores their texts.

This module is imported by planning, so it does not import torch. Families import it only where a model is opened.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from raydoa.errors import UserError
from raydoa.models.lora import AdaptableShape, Lora
from raydoa.models.model_shape import ModelShape
from raydoa.models.objective import Objective
from raydoa.models.token_texts import TokenTexts

if TYPE_CHECKING:
    import torch

    from raydoa.training.batches import Example
    from raydoa.training.distill import Loss
    from raydoa.training.recipe import PretrainRecipe
    from raydoa.training.soft_labels import Generated


@dataclass(frozen=True)
class Opening:
    """How a checkpoint is opened.

    Attributes:
        objective: what the model is to say; None: text.
        dropout: in training.
        precision: number format of the weights.
        spread: laid over all visible GPUs, and not on the CPU.
        seed: of a head that the checkpoint lacks.
        attn_implementation: of transformers; None: its own choice.
    """

    objective: Objective | None = None
    dropout: float = 0.0
    precision: str = "float32"
    spread: bool = False
    seed: int = 0
    attn_implementation: str | None = None


AS_IS = Opening()
"""To write text, in float32."""


class Model(ABC):
    """A model that is open, with what turns texts into token ids and back.

    Attributes:
        network: its parameters; whoever trains or moves it does so here.
    """

    network: "torch.nn.Module"

    @property
    @abstractmethod
    def input_space(self) -> str:
        """Fingerprint of how a source becomes ids: two models of one input space share cached token ids."""

    @property
    @abstractmethod
    def output_space(self) -> str:
        """Fingerprint of what soft labels are over: they are exchanged where it is the same."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Size of the output space."""

    @property
    def head(self) -> "torch.Tensor":
        """The output head ``[outputs, width]`` of a model that writes tokens, detached: logits are ``head @ state``."""
        raise AssertionError(f"{type(self).__name__} has no head over tokens")

    @abstractmethod
    def source_ids(self, texts: Sequence[str], length: int) -> list[list[int]]:
        """Ids of each source, prefix included, at most ``length`` and at least one."""

    @abstractmethod
    def target_ids(
        self, texts: Sequence[str], length: int, sources: Sequence[str], source_length: int
    ) -> list[list[int]]:
        """Ids of each target, at most ``length`` and at least one: what the model is trained on.

        ``sources`` are cut at ``source_length`` as for `source_ids`; a target may be a tag for each of their tokens.

        Raises:
            UserError: a target that this model can never write.
        """

    def can_say(self, text: str) -> bool:
        """Whether a target is one that this model can write; `target_ids` refuses others."""
        return True

    @abstractmethod
    def texts(self, targets: Sequence[Sequence[int]], sources: Sequence[str]) -> list[str]:
        """The texts that generated ids stand for; ``sources`` are those of `source_ids`, in the same order."""

    @property
    def modules_to_save(self) -> tuple[str, ...]:
        """Modules that are trained whole beside a LoRA: a head that the checkpoint lacked; none unless overridden."""
        return ()

    @abstractmethod
    def loss(self, **options: Any) -> "Loss":
        """The training loss around `network`, with the arguments of `raydoa.training.distill.Loss` or its `TokenLoss`."""

    @abstractmethod
    def generate(
        self, sources: "Sequence[Example]", *, most_tokens: int, batch_size: int
    ) -> "Iterator[Generated]":
        """What the model writes for every row, in any order: at most ``most_tokens``, or classes with their log-probabilities.

        Raises:
            UnlabelableRow: the model fails on a row, which is named.
        """

    @abstractmethod
    def random_examples(self, rows: int, source_length: int, target_length: int) -> "list[Example]":
        """Rows of random ids at full length, for measuring speed."""

    @abstractmethod
    def save(self, folder: Path, state: "Mapping[str, torch.Tensor] | None" = None) -> None:
        """Write config.json, weights as safetensors, what `source_ids` needs, and `raydoa.models.head`'s file.

        ``state`` replaces the network's own weights: under ZeRO-3 they are in parts.

        Raises:
            OSError: the disk is full.
        """


class Family(ABC):
    """A kind of model.

    Attributes:
        name: as in `raydoa.models.FAMILIES` and in `ModelShape.family`.
        shapes: sizes of checkpoints by name, so that they can be priced where no hub is reached.
        own: names of models that raydoa builds itself; a sweep names them like any checkpoint.
        pretrains: whether `own` models are pretrained on the task's text (a recipe each in the sweep), or are trained on
            labels from scratch.
    """

    name: ClassVar[str]
    shapes: ClassVar[Mapping[str, ModelShape]] = {}
    own: ClassVar[tuple[str, ...]] = ()
    pretrains: ClassVar[bool] = False

    @abstractmethod
    def takes(self, config: Mapping[str, Any]) -> bool:
        """Whether a checkpoint with this `config.json` is of the family."""

    def objective(self, of_task: Objective | None) -> Objective | None:
        """What a model of the family is opened with for a task; None: it writes text, which is so unless overridden.

        Raises:
            UserError: it cannot learn the task. The message begins with what the family cannot do.
        """
        return None

    @abstractmethod
    def shape(self, config: Mapping[str, Any], where: str) -> ModelShape:
        """The size of a checkpoint; ``where`` names its config in errors. Raises `UserError`: the config lacks a dimension."""

    def with_lora(self, shape: ModelShape, lora: Lora) -> ModelShape:
        """The size of a model of which a LoRA is trained. Raises `UserError`: it can have none."""
        if not isinstance(shape, AdaptableShape):
            raise UserError(f"models of the family {self.name} have no LoRA")
        return shape.adapted(lora)

    def own_shape(self, name: str, outputs: int) -> ModelShape:
        """The size of one of `own`, with ``outputs`` in its vocabulary or as many classes."""
        raise AssertionError(f"{name}: the family {self.name} has no models of its own")

    @abstractmethod
    def output_space(self, folder: Path) -> str:
        """`Model.output_space` of a checkpoint folder whose model writes text, without opening it."""

    def token_texts(self, folder: Path) -> TokenTexts:
        """What the ids write that the model in a checkpoint folder writes, without opening it. It needs no weights."""
        raise AssertionError(f"a model of the family {self.name} writes no tokens")

    @abstractmethod
    def open(self, folder: Path, how: Opening = AS_IS) -> Model:
        """Open a checkpoint folder.

        Raises:
            UserError: its weights do not fit its config, it lacks files, or it cannot be opened so.
        """

    @abstractmethod
    def build(self, shape: ModelShape) -> Model:
        """A model of that size with random weights, on torch's default device, to measure speed with."""

    def initialize(self, name: str, classes: Sequence[str], seed: int) -> Model:
        """One of `own` before any training, for a task with ``classes``."""
        raise UserError(f"model {name}: the family {self.name} does not train from scratch")

    def learn_vocabulary(self, text: Iterable[str], size: int, folder: Path) -> dict[str, Any]:
        """Write what `pretraining` reads of ``text``, with ``size`` ids at most; returns what is recorded of it."""
        raise UserError(f"the family {self.name} learns no vocabulary")

    def pretraining(
        self,
        name: str,
        vocabulary: Path,
        text: Iterable[str],
        recipe: "PretrainRecipe",
        seed: int,
    ) -> "tuple[Model, list[Example]]":
        """One of `own` before its pretraining, over the vocabulary in a folder, and the examples that it learns from."""
        raise UserError(f"model {name}: the family {self.name} is not pretrained here")
