"""Greedy generation that keeps what the output head saw: completions and soft labels in a single pass."""

from collections.abc import Sequence
from typing import Any

import torch

from raydoa.models.causal.passes import Reading, head_sees, last, left_padded
from raydoa.training.batches import PAD_ID, Example, collate
from raydoa.training.soft_labels import Generated


def generate_batch(
    network: Any, rows: Sequence[Example], *, most_tokens: int, end: int, keep_states: bool
) -> list[Generated]:
    """What the model writes for some rows, up to ``end``; one longer than ``most_tokens``, the end included, is cut off."""
    tokens, states = _written(network, rows, most_tokens, end)
    return [
        _row(row.row_id, tokens[i], states[i] if keep_states else None, end)
        for i, row in enumerate(rows)
    ]


@torch.inference_mode()
def _written(
    network: Any, rows: Sequence[Example], most_tokens: int, end: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids ``[rows, steps]`` and the head's inputs ``[rows, steps, width]``, on the CPU."""
    assert not network.training, "dropout would be on"
    device = network.get_input_embeddings().weight.device
    batch = collate([Example(row.row_id, row.source_ids, (end,)) for row in rows]).to(device)
    ids, mask = left_padded(batch.source, batch.source_mask)
    one = torch.ones((len(rows), 1), dtype=torch.long, device=device)
    open_rows = torch.ones(len(rows), dtype=torch.bool, device=device)
    reading = Reading(network)
    written: list[torch.Tensor] = []
    with head_sees(network, last) as seen:
        for _ in range(most_tokens):
            chosen = reading.read(ids, mask)[:, -1].argmax(-1).to(device)
            written.append(torch.where(open_rows, chosen, PAD_ID))
            open_rows = open_rows & (chosen != end)
            if not bool(open_rows.any()):
                break
            ids, mask = written[-1][:, None], one
    return torch.stack(written, dim=1).cpu(), torch.cat(seen, dim=1).cpu()


def _row(row_id: str, tokens: torch.Tensor, states: torch.Tensor | None, end: int) -> Generated:
    ends = (tokens == end).nonzero()
    length = int(ends[0]) + 1 if len(ends) else len(tokens)
    # The copy frees the batch, and can be trained on, which tensors of inference mode cannot.
    kept = None if states is None else states[:length].clone()
    return Generated(row_id, tuple(tokens[:length].tolist()), kept)
