"""What a model with a classification head minimises (`raydoa.training.distill`)."""

from abc import abstractmethod

import torch
from torch.nn import functional

from raydoa.training.batches import MicroBatch
from raydoa.training.distill import Loss
from raydoa.training.soft_labels import ClassLabels


class HeadLoss(Loss):
    """The loss of a model with a classification head."""

    @abstractmethod
    def logits(self, batch: MicroBatch) -> torch.Tensor:
        """The head's output at each target position ``[rows, positions, classes]``."""

    def total(self, batch: MicroBatch) -> torch.Tensor:
        logits = self.logits(batch).float()

        def written(positions: torch.Tensor) -> torch.Tensor:
            return functional.cross_entropy(
                logits[positions], batch.target[positions], reduction="sum"
            )

        def soft(positions: torch.Tensor) -> torch.Tensor:
            labels = [one for one in batch.soft if isinstance(one, ClassLabels)]
            return self._divergence(logits[positions], labels, logits.shape[-1])

        terms = {"gold": lambda positions: self._gold_weight * written(positions)}
        return self._sum(batch, {**terms, "written": written, "classes": soft})
