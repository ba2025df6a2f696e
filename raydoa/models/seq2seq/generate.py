"""Greedy generation that keeps what the output head saw: targets and soft labels in a single pass.

A hook on the head reads its input at every generated token. That is after the last norm, and after
the scaling of T5's tied models, so logits are `head @ state` exactly, whichever T5 it is.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from raydoa.models.row_batches import in_batches
from raydoa.models.seq2seq.tokenizer import END_ID
from raydoa.training.batches import PAD_ID, Example, collate
from raydoa.training.soft_labels import Generated

_START_ID = 0


def generate(
    model: Any, sources: Sequence[Example], *, most_tokens: int, batch_size: int
) -> Iterator[Generated]:
    """Generate for every row; targets longer than ``most_tokens``, the end included, are cut off.

    Raises:
        UnlabelableRow: see `raydoa.models.row_batches`.
        torch.OutOfMemoryError: a batch does not fit.
    """
    assert not model.training, "dropout would be on"
    return in_batches(
        lambda rows: _together(model, rows, most_tokens),
        sources,
        vocabulary=model.config.vocab_size,
        batch_size=batch_size,
    )


def _together(model: Any, rows: Sequence[Example], most_tokens: int) -> list[Generated]:
    tokens, states = _generate_batch(model, rows, most_tokens)
    return [_row(row.row_id, tokens[i], states[i]) for i, row in enumerate(rows)]


@torch.inference_mode()
def _generate_batch(
    model: Any, rows: Sequence[Example], most_tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids ``[rows, steps]`` and the head's inputs ``[rows, steps, d_model]``, on the CPU."""
    device = model.shared.weight.device
    batch = collate([Example(r.row_id, r.source_ids, (END_ID,)) for r in rows]).to(device)
    encoded = model.encoder(input_ids=batch.source, attention_mask=batch.source_mask)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    seen: list[torch.Tensor] = []
    hook = model.lm_head.register_forward_pre_hook(
        lambda _module, inputs: seen.append(inputs[0][:, -1])
    )
    written: list[torch.Tensor] = []
    try:
        last = torch.full((len(rows), 1), _START_ID, device=device)
        open_rows = torch.ones(len(rows), dtype=torch.bool, device=device)
        for _ in range(most_tokens):
            logits = model(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoded.last_hidden_state),
                attention_mask=batch.source_mask,
                decoder_input_ids=last,
                past_key_values=cache,
                use_cache=True,
            ).logits[:, -1]
            chosen = torch.where(open_rows, logits.argmax(-1), PAD_ID)
            written.append(chosen)
            open_rows = open_rows & (chosen != END_ID)
            if not bool(open_rows.any()):
                break
            last = chosen[:, None]
    finally:
        hook.remove()
    tokens = torch.stack(written, dim=1).cpu()
    return tokens, torch.stack(seen, dim=1).cpu()


def _row(row_id: str, tokens: torch.Tensor, states: torch.Tensor) -> Generated:
    ends = (tokens == END_ID).nonzero()
    length = int(ends[0]) + 1 if len(ends) else len(tokens)
    # The copy frees the batch, and can be trained on, which tensors of inference mode cannot.
    return Generated(row_id, tuple(tokens[:length].tolist()), states[:length].clone())
