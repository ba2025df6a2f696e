"""A linear model that is open: logistic regression over hashed n-grams."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from raydoa.models.broken_files import read_as
from raydoa.models.family import Model
from raydoa.models.linear.grams import buckets_of
from raydoa.models.linear.shape import GRAMS_PER_TOKEN, MODEL_TYPE
from raydoa.models.objective import Objective
from raydoa.models.row_batches import in_batches, scored
from raydoa.training.batches import Example, MicroBatch, collate
from raydoa.training.head_loss import HeadLoss
from raydoa.training.soft_labels import Generated
from raydoa.training.tensor_file import full_disk_is_os_error

_WEIGHTS_FILE = "model.safetensors"
_GAIN = 100.0
"""What a weight counts for, so that a linear model learns what it can at any learning rate of fine-tuning, 5e-5 to 5e-3."""


class LinearNetwork(torch.nn.Module):
    """Logits are the sum of the n-grams' weights over the root of how many there are."""

    def __init__(self, buckets: int, classes: int) -> None:
        super().__init__()
        self.grams = torch.nn.Embedding(buckets, classes)
        self.bias = torch.nn.Parameter(torch.zeros(classes))
        torch.nn.init.zeros_(self.grams.weight)

    def forward(self, source: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """``[rows, classes]``."""
        weights = self.grams(source) * mask[..., None]
        norm = mask.sum(1, keepdim=True).float().sqrt()
        logits: torch.Tensor = _GAIN * (weights.sum(1) / norm + self.bias)
        return logits


class LinearModel(Model):
    """See `Model`."""

    network: LinearNetwork

    def __init__(self, network: LinearNetwork, classes: Sequence[str]) -> None:
        self.network = network
        self._objective = Objective("classes", tuple(classes))

    @property
    def input_space(self) -> str:
        return f"n-grams in {self.network.grams.num_embeddings} buckets"

    @property
    def output_space(self) -> str:
        return self._objective.fingerprint

    @property
    def outputs(self) -> int:
        return len(self._objective.names)

    def source_ids(self, texts: Sequence[str], length: int) -> list[list[int]]:
        buckets = self.network.grams.num_embeddings
        return [buckets_of(text, buckets, GRAMS_PER_TOKEN * length) for text in texts]

    def target_ids(
        self, texts: Sequence[str], length: int, sources: Sequence[str], source_length: int
    ) -> list[list[int]]:
        return [[one] for one in self._objective.ids(texts)]

    def can_say(self, text: str) -> bool:
        return self._objective.has(text)

    def texts(self, targets: Sequence[Sequence[int]], sources: Sequence[str]) -> list[str]:
        return [self._objective.names[ids[0]] for ids in targets]

    def loss(self, **options: Any) -> "LinearLoss":
        return LinearLoss(self.network, **options)

    def generate(
        self, sources: Sequence[Example], *, most_tokens: int, batch_size: int
    ) -> Iterator[Generated]:
        vocabulary = self.network.grams.num_embeddings
        return in_batches(self._together, sources, vocabulary=vocabulary, batch_size=batch_size)

    @torch.no_grad()
    def _together(self, rows: Sequence[Example]) -> list[Generated]:
        batch = collate([Example(row.row_id, row.source_ids, (0,)) for row in rows])
        batch = batch.to(self.network.bias.device)
        return scored(rows, self.network(batch.source, batch.source_mask))

    def random_examples(self, rows: int, source_length: int, target_length: int) -> list[Example]:
        grams, buckets = GRAMS_PER_TOKEN * source_length, self.network.grams.num_embeddings
        ids = [1 + index * 7919 % (buckets - 1) for index in range(grams)]
        return [Example(str(row), ids, [0]) for row in range(rows)]

    def save(self, folder: Path, state: Mapping[str, torch.Tensor] | None = None) -> None:
        weights = self.network.state_dict() if state is None else state
        with full_disk_is_os_error():
            kept = {name: tensor.cpu().contiguous() for name, tensor in weights.items()}
            save_file(kept, folder / _WEIGHTS_FILE)
        buckets = self.network.grams.num_embeddings
        config = {"model_type": MODEL_TYPE, "buckets": buckets, "classes": self._objective.names}
        (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


class LinearLoss(HeadLoss):
    """See `HeadLoss`."""

    def logits(self, batch: MicroBatch) -> torch.Tensor:
        logits: torch.Tensor = self.model(batch.source, batch.source_mask)
        return logits[:, None]


def load_linear(folder: Path, buckets: int, classes: Sequence[str]) -> LinearModel:
    """The model that `LinearModel.save` wrote. Raises `UserError`: its files are broken."""
    network = LinearNetwork(buckets, len(classes))
    with read_as("a linear model", folder):
        network.load_state_dict(load_file(folder / _WEIGHTS_FILE))
    return LinearModel(network, classes)
