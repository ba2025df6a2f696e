"""Encoder-decoders that are no T5, opened with a few rows, and the logits of transformers' own."""

from pathlib import Path
from typing import Any

import torch

from raydoa.models.family import Model, Opening
from raydoa.models.lookup import family_at
from raydoa.models.objective import Objective
from raydoa.training.batches import Example
from tests.unit.seq2seqs import write_multilingual, write_seq2seq
from tests.unit.world import rows

TEXTS = [row["source"] for row in rows(8)]
TARGETS = [text[: 3 * i + 3] for i, text in enumerate(TEXTS)]
CLASSES = Objective("classes", ("no", "no answer", "yes"))
KINDS = ("bart", "mbart", "pegasus", "marian", "mt5", "umt5")


def written(folder: Path, kind: str, seed: int = 0) -> Path:
    return (write_multilingual if kind.endswith("mt5") else write_seq2seq)(folder, kind, seed=seed)


def opened(folder: Path, **options: Any) -> Model:
    model = family_at(folder).open(folder, Opening(**options))
    model.network.eval()
    return model


def examples(model: Model) -> list[Example]:
    sources = model.source_ids(TEXTS, 16)
    targets = model.target_ids(TARGETS, 12, TEXTS, 16)
    return [Example(str(i), s, t) for i, (s, t) in enumerate(zip(sources, targets, strict=True))]


def live_logits(network: Any, row: Example) -> torch.Tensor:
    """Of one row alone, as transformers shifts its labels: without padding, so no mask is needed."""
    labels = torch.tensor([list(row.target_ids)])
    start = torch.tensor([[network.config.decoder_start_token_id]])
    shifted = torch.cat([start, labels[:, :-1]], 1)
    found: torch.Tensor = network(
        input_ids=torch.tensor([list(row.source_ids)]), decoder_input_ids=shifted
    ).logits[0]
    return found


def gradients(network: Any, loss: torch.Tensor) -> torch.Tensor:
    parameters = [p for p in network.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in found])
