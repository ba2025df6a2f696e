"""An encoder-decoder's training loss: what its output head is applied to, at every target token at once."""

from typing import Any

import torch

from raydoa.models.class_texts import ClassTexts
from raydoa.models.seq2seq.output_head import OutputHead
from raydoa.training.batches import PAD_ID, MicroBatch
from raydoa.training.distill import TokenLoss


class Seq2SeqLoss(TokenLoss):
    """See `TokenLoss`; ``classes`` are what it scores."""

    model: Any

    def __init__(self, model: Any, *, classes: ClassTexts | None = None, **options: Any) -> None:
        self._head = OutputHead(model)
        super().__init__(model, **options)
        self._classes = classes

    @property
    def output_layer(self) -> Any:
        return self._head

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


def decoder_input(batch: MicroBatch, start_id: int = PAD_ID) -> torch.Tensor:
    """The target shifted right: a decoder starts with an id that its configuration names, a T5's with the padding id."""
    return _shifted(batch.target, start_id)


def decoder_states(model: Any, batch: MicroBatch) -> torch.Tensor:
    """What the output head is applied to ``[rows, target length, width]``."""
    start = decoder_input(batch, start_id(model))
    return _decoded(model, start, encoded(model, batch), batch.source_mask)


def class_scores(model: Any, batch: MicroBatch, classes: ClassTexts) -> torch.Tensor:
    """Log-probabilities of each class's text ``[rows, classes]``: the source is encoded once, and all are decoded together."""
    rows, each = len(batch.source), len(classes)
    states = _decoded(
        model,
        _shifted(classes.ids.to(batch.source.device), start_id(model)).repeat(rows, 1),
        encoded(model, batch).repeat_interleave(each, dim=0),
        batch.source_mask.repeat_interleave(each, dim=0),
    )
    return classes.scores(OutputHead(model)(states))


def start_id(model: Any) -> int:
    """What its decoder begins with."""
    named = model.config.decoder_start_token_id
    return PAD_ID if named is None else int(named)


def encoded(model: Any, batch: MicroBatch) -> torch.Tensor:
    """The encoder's last states ``[rows, source length, width]``."""
    source, pad_id = batch.source, model.config.pad_token_id
    if pad_id not in (None, PAD_ID):
        # Some kinds tell padding by its id: M2M-100's positions.
        source = torch.where(batch.source_mask.bool(), source, pad_id)
    encoder = model.get_encoder()
    states: torch.Tensor = encoder(
        input_ids=source, attention_mask=batch.source_mask
    ).last_hidden_state
    return states


def _shifted(target: torch.Tensor, start_id: int) -> torch.Tensor:
    return torch.nn.functional.pad(target, (1, -1), value=start_id)


def _decoded(
    model: Any, decoder_input: torch.Tensor, encoded: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """The decoder's last states, scaled where T5's head is tied to the embedding, as the original T5's is; v1.1's is not."""
    decoder = model.get_decoder()
    decoded: torch.Tensor = decoder(
        input_ids=decoder_input,
        encoder_hidden_states=encoded,
        encoder_attention_mask=mask,
        use_cache=False,
    ).last_hidden_state
    if getattr(model.config, "scale_decoder_outputs", False):
        decoded = decoded * model.model_dim**-0.5
    return OutputHead(model).states(decoded)
