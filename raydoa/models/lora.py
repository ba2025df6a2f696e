"""What a LoRA is, and how many weights it has: low-rank updates beside frozen matrices (Hu et al., arXiv 2106.09685).

The weights that a checkpoint has get no gradients and no optimizer state, and the backward pass computes no gradients of
them: of a training step's three matrix products a weight, two are left. `raydoa.models.adapter` puts one into a model.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, TypeAlias

from raydoa.settings import Settings

Matrices: TypeAlias = Iterable[tuple[int, int, int]]
"""Inputs, outputs and number of the linear layers of a model's body."""

_PASSES = 3
"""Matrix products of a training step for each weight: forward, and the gradients of its inputs and of itself."""


@dataclass(frozen=True)
class Lora:
    """A LoRA, in peft's terms.

    Attributes:
        r: rank of the updates.
        alpha: they are scaled by ``alpha / r``.
        dropout: of their inputs, in training.
        target_modules: names of the layers that get one, as peft matches them; none: all linear layers but the head.
    """

    r: int
    alpha: int
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ()

    def weights(self, matrices: Matrices) -> int:
        """Weights beside ``matrices``; as many as beside all of them, if only some are targets."""
        return sum(self.r * (inputs + outputs) * number for inputs, outputs, number in matrices)


def is_called(layer: str, target: str) -> bool:
    """Whether a layer of that full name is what `Lora.target_modules` calls ``target``."""
    return layer == target or layer.endswith(f".{target}")


class AdaptableShape(Settings, ABC):
    """The part of a `ModelShape` that knows a LoRA; ``lora`` is what is trained, and None all of the model."""

    lora: Lora | None = None

    @property
    @abstractmethod
    def parameters(self) -> int:
        """All parameters."""

    @property
    def trained_parameters(self) -> int:
        """See `ModelShape.trained_parameters`; of a LoRA at most so many."""
        return (
            self.parameters
            if self.lora is None
            else self._head() + self.lora.weights(self._matrices())
        )

    def adapted(self, lora: Lora) -> Self:
        """The same, with a LoRA."""
        return self.model_copy(update={"lora": lora})

    @abstractmethod
    def _matrices(self) -> Matrices:
        """Its linear layers, without the output head."""

    def _head(self) -> int:
        """Weights of a head that is trained beside a LoRA; none unless overridden."""
        return 0


def passes(lora: Lora | None) -> int:
    """Matrix products of a training step for each weight of the checkpoint."""
    return _PASSES if lora is None else _PASSES - 1
