"""What a LoRA is, and how many weights it has: low-rank updates beside frozen matrices (Hu et al., arXiv 2106.09685).

The weights that a checkpoint has get no gradients and no optimizer state, and the backward pass computes no gradients of
them: of a training step's three matrix products a weight, two are left. `raydoa.models.adapter` puts one into a model.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

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


def passes(lora: Lora | None) -> int:
    """Matrix products of a training step for each weight of the checkpoint."""
    return _PASSES if lora is None else _PASSES - 1
