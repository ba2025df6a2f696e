"""A T5's training loss: what its output head is applied to, at every target token at once."""

from typing import Any

import torch

from raydoa.models.class_texts import ClassTexts
from raydoa.training.batches import PAD_ID, MicroBatch
from raydoa.training.distill import TokenLoss


class Seq2SeqLoss(TokenLoss):
    """See `TokenLoss`; ``classes`` are what it scores."""

    model: Any

    def __init__(self, model: Any, *, classes: ClassTexts | None = None, **options: Any) -> None:
        super().__init__(model, **options)
        self._classes = classes

    @property
    def output_layer(self) -> torch.nn.Linear:
        head: torch.nn.Linear = self.model.lm_head
        return head

    def states(self, batch: MicroBatch) -> torch.Tensor:
        return decoder_states(self.model, batch)

    def class_scores(self, batch: MicroBatch) -> torch.Tensor:
        return (
            super().class_scores(batch)
            if self._classes is None
            else class_scores(self.model, batch, self._classes)
        )

    def checkpoint_activations(self) -> None:
        """Keep only each layer's input."""
        self.model.activation_checkpointing_enable()


def decoder_input(batch: MicroBatch) -> torch.Tensor:
    """The target shifted right: T5 starts its decoder with the padding id."""
    return _shifted(batch.target)


def decoder_states(model: Any, batch: MicroBatch) -> torch.Tensor:
    """What the output head is applied to ``[rows, target length, d_model]``."""
    encoded = model.encoder(input_ids=batch.source, attention_mask=batch.source_mask)
    return _decoded(model, decoder_input(batch), encoded.last_hidden_state, batch.source_mask)


def class_scores(model: Any, batch: MicroBatch, classes: ClassTexts) -> torch.Tensor:
    """Log-probabilities of each class's text ``[rows, classes]``: the source is encoded once, and all are decoded together."""
    rows, each = len(batch.source), len(classes)
    encoded = model.encoder(input_ids=batch.source, attention_mask=batch.source_mask)
    states = _decoded(
        model,
        _shifted(classes.ids.to(batch.source.device)).repeat(rows, 1),
        encoded.last_hidden_state.repeat_interleave(each, dim=0),
        batch.source_mask.repeat_interleave(each, dim=0),
    )
    return classes.scores(model.lm_head(states))


def _shifted(target: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(target, (1, -1), value=PAD_ID)


def _decoded(
    model: Any, decoder_input: torch.Tensor, encoded: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """The decoder's last states, scaled where T5's head is tied to the embedding, as the original T5's is; v1.1's is not."""
    decoded: torch.Tensor = model.decoder(
        input_ids=decoder_input,
        encoder_hidden_states=encoded,
        encoder_attention_mask=mask,
        use_cache=False,
    ).last_hidden_state
    return decoded * model.model_dim**-0.5 if model.config.scale_decoder_outputs else decoded
