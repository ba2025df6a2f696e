"""A T5's training loss: what its output head is applied to, at every target token at once."""

from typing import Any

import torch

from raydoa.training.batches import PAD_ID, MicroBatch
from raydoa.training.distill import Loss


class Seq2SeqLoss(Loss):
    """See `Loss`."""

    model: Any

    @property
    def output_layer(self) -> torch.nn.Linear:
        head: torch.nn.Linear = self.model.lm_head
        return head

    def states(self, batch: MicroBatch) -> torch.Tensor:
        return decoder_states(self.model, batch)

    def checkpoint_activations(self) -> None:
        """Keep only each layer's input."""
        self.model.activation_checkpointing_enable()


def decoder_input(batch: MicroBatch) -> torch.Tensor:
    """The target shifted right: T5 starts its decoder with the padding id."""
    return torch.nn.functional.pad(batch.target, (1, -1), value=PAD_ID)


def decoder_states(model: Any, batch: MicroBatch) -> torch.Tensor:
    """What the output head is applied to ``[rows, target length, d_model]``.

    T5 scales it where the head is tied to the embedding, as the original T5's is; v1.1's is not.
    """
    encoded = model.encoder(input_ids=batch.source, attention_mask=batch.source_mask)
    decoded: torch.Tensor = model.decoder(
        input_ids=decoder_input(batch),
        encoder_hidden_states=encoded.last_hidden_state,
        encoder_attention_mask=batch.source_mask,
        use_cache=False,
    ).last_hidden_state
    return decoded * model.model_dim**-0.5 if model.config.scale_decoder_outputs else decoded
