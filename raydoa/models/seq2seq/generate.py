"""Greedy generation that keeps what the output head saw: targets and soft labels in a single pass.

A hook on the head reads its input at every generated token. That is after the last norm, and after
the scaling of T5's tied models, so logits are `head @ state` exactly, whichever model it is.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from raydoa.models.row_batches import in_batches
from raydoa.models.seq2seq.loss import encoded, start_id
from raydoa.models.seq2seq.output_head import OutputHead
from raydoa.training.batches import PAD_ID, Example, collate
from raydoa.training.soft_labels import Generated


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
    end = end_id(model)
    return [_row(row.row_id, tokens[i], states[i], end) for i, row in enumerate(rows)]


@torch.inference_mode()
def _generate_batch(
    model: Any, rows: Sequence[Example], most_tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids ``[rows, steps]`` and the head's inputs ``[rows, steps, d_model]``, on the CPU."""
    device = model.get_input_embeddings().weight.device
    batch = collate([Example(r.row_id, r.source_ids, (PAD_ID,)) for r in rows]).to(device)
    source = BaseModelOutput(last_hidden_state=encoded(model, batch))
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    seen: list[torch.Tensor] = []
    hook = model.get_output_embeddings().register_forward_pre_hook(
        lambda _module, inputs: seen.append(inputs[0][:, -1])
    )
    first, never = _first_and_never(model)
    written: list[torch.Tensor] = []
    try:
        last = torch.full((len(rows), 1), start_id(model), device=device)
        open_rows = torch.ones(len(rows), dtype=torch.bool, device=device)
        for _ in range(most_tokens):
            logits = model(
                encoder_outputs=source,
                attention_mask=batch.source_mask,
                decoder_input_ids=last,
                past_key_values=cache,
                use_cache=True,
            ).logits[:, -1]
            if never:
                logits[:, never] = -torch.inf
            best = logits.argmax(-1)
            if first is not None and not written:
                best = torch.full_like(best, first)
            chosen = torch.where(open_rows, best, PAD_ID)
            written.append(chosen)
            open_rows = open_rows & (chosen != end_id(model))
            if not bool(open_rows.any()):
                break
            last = chosen[:, None]
    finally:
        hook.remove()
    tokens = torch.stack(written, dim=1).cpu()
    return tokens, OutputHead(model).states(torch.stack(seen, dim=1)).cpu()


def end_id(model: Any) -> int:
    """What ends a target."""
    return int(model.config.eos_token_id)


def _first_and_never(model: Any) -> tuple[int | None, list[int]]:
    """The id that its configuration makes each target begin with, if any, and those that no target may hold."""
    settings = model.generation_config
    never = [ids[0] for ids in settings.bad_words_ids or () if len(ids) == 1]
    return settings.forced_bos_token_id, never


def _row(row_id: str, tokens: torch.Tensor, states: torch.Tensor, end: int) -> Generated:
    ends = (tokens == end).nonzero()
    length = int(ends[0]) + 1 if len(ends) else len(tokens)
    # The copy frees the batch, and can be trained on, which tensors of inference mode cannot.
    return Generated(row_id, tuple(tokens[:length].tolist()), states[:length].clone())
