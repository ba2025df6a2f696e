"""A decoder-only model's training loss: on the completion alone."""

from typing import Any

import torch

from raydoa.errors import UserError
from raydoa.models.causal.passes import SideBySide, class_scores
from raydoa.models.class_texts import ClassTexts
from raydoa.training.batches import MicroBatch
from raydoa.training.distill import TokenLoss


class CausalLoss(TokenLoss):
    """See `TokenLoss`; ``classes`` are what it scores, ``plain`` is as in `raydoa.models.causal.plain`.

    A model that is not plain gives its logits itself: they stand where a plain model's states do.
    """

    model: Any
    target_cost = 1  # Prompt and completion are one row, which is padded as one.
    _cached = True

    def __init__(
        self, model: Any, *, plain: bool, classes: ClassTexts | None = None, **options: Any
    ) -> None:
        super().__init__(model, **options)
        if self.teacher_head is not None and not plain:
            raise UserError(
                f"{type(model).__name__} changes what its head gives, so it learns no distributions over tokens; distil "
                "text with --representation text"
            )
        self._plain = plain
        self._classes = classes

    @property
    def output_layer(self) -> torch.nn.Linear:
        head: torch.nn.Linear = self.model.get_output_embeddings()
        return head

    def states(self, batch: MicroBatch) -> torch.Tensor:
        both = SideBySide(batch.source, batch.source_mask, batch.target, batch.target_mask)
        return both.states(self.model) if self._plain else both.logits(self.model)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        return super().logits(states) if self._plain else states

    def class_scores(self, batch: MicroBatch) -> torch.Tensor:
        if self._classes is None:
            return super().class_scores(batch)
        return class_scores(
            self.model, batch.source, batch.source_mask, self._classes, cached=self._cached
        )

    def checkpoint_activations(self) -> None:
        """Keep only each layer's input."""
        self.model.activation_checkpointing_enable()
        self._cached = False
