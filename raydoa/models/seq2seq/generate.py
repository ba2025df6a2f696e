"""Greedy generation that keeps what the output head saw: targets and soft labels in a single pass.

A hook on the head reads its input at every generated token. That is after the last norm, and after
the scaling of T5's tied models, so logits are `head @ state` exactly, whichever T5 it is. Rows are
sorted by length, so a batch pads little; the result of a row does not depend on its batch beyond
float rounding.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from raydoa.errors import UnlabelableRow
from raydoa.models.seq2seq.tokenizer import END_ID
from raydoa.training.batches import PAD_ID, Example, collate
from raydoa.training.soft_labels import Generated

logger = logging.getLogger(__name__)

_START_ID = 0


def generate(
    model: Any, sources: Sequence[Example], *, most_tokens: int, batch_size: int
) -> Iterator[Generated]:
    """Generate for every row, shortest sources first; targets longer than ``most_tokens``, the end included, are cut off.

    Raises:
        UnlabelableRow: a row has no tokens or unknown ones, the model fails on it, or its states are
            not finite. A batch that fails is tried again row by row to find out which.
        torch.OutOfMemoryError: a batch does not fit; that is no row's fault.
    """
    assert not model.training, "dropout would be on"
    for row in sources:
        _check_ids(row, model.config.vocab_size)
    ordered = sorted(sources, key=lambda example: len(example.source_ids))
    for start in range(0, len(ordered), batch_size):
        batch = ordered[start : start + batch_size]
        try:
            rows = _together(model, batch, most_tokens)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError, ValueError) as error:
            logger.warning("%d rows failed (%s); trying them one by one", len(batch), _why(error))
            rows = [_alone(model, row, most_tokens) for row in batch]
        for written in rows:
            if not bool(torch.isfinite(written.states).all()):
                raise UnlabelableRow(written.row_id, "the model's states are not finite")
        yield from rows


def _check_ids(row: Example, vocabulary: int) -> None:
    """On a GPU an unknown id would end the whole process, and name nobody."""
    if not row.source_ids:
        raise UnlabelableRow(row.row_id, "its source has no tokens")
    for token in (min(row.source_ids), max(row.source_ids)):
        if not 0 <= token < vocabulary:
            why = f"token id {token} is outside the vocabulary of {vocabulary}"
            raise UnlabelableRow(row.row_id, why)


def _alone(model: Any, row: Example, most_tokens: int) -> Generated:
    try:
        return _together(model, [row], most_tokens)[0]
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, ValueError) as error:
        raise UnlabelableRow(row.row_id, _why(error)) from error


def _why(error: Exception) -> str:
    """The first line of an error, or its name if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


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
