"""The output head of an encoder-decoder as one matrix: logits are `weight @ state`, exactly, whatever the model adds to them.

Models of BART's kind add `final_logits_bias`, which is not trained. It is zero in most; where it is not (Marian's), a state
has one more number, a 1, and the matrix the bias as one more column. So soft labels need no third thing beside states and
head, and a bias is in all losses.
"""

from typing import Any

import torch


class OutputHead:
    """The head of ``model``, for states that `states` has made.

    Attributes:
        out_features: ids that it scores.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._layer: torch.nn.Linear = model.get_output_embeddings()
        assert self._layer.bias is None, "a bias of the head itself is no part of its matrix"
        bias = getattr(model, "final_logits_bias", None)
        self._biased = bias is not None and bool(bias.any())
        self.out_features = int(self._layer.out_features)

    @property
    def weight(self) -> torch.Tensor:
        """The matrix ``[outputs, width of a state]``, with the gradient of the layer's own."""
        weight: torch.Tensor = self._layer.weight
        return with_bias(weight, self._model.final_logits_bias) if self._biased else weight

    def states(self, decoded: torch.Tensor) -> torch.Tensor:
        """States from what the model's own layer is applied to ``[..., d_model]``."""
        if not self._biased:
            return decoded
        return torch.cat([decoded, torch.ones_like(decoded[..., :1])], -1)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Logits, through the layer: under ZeRO-3 its weight exists only while it runs."""
        if not self._biased:
            logits: torch.Tensor = self._layer(states)
            return logits
        # The bias is asked for each time: the model may have been moved to a GPU.
        bias: torch.Tensor = self._model.final_logits_bias
        scored: torch.Tensor = self._layer(states[..., :-1])
        return scored + bias.to(scored.dtype)


def with_bias(weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """A head's matrix and, unless it is zero, what is added to its logits as one more column."""
    if bias is None or not bool(bias.any()):
        return weight
    return torch.cat([weight, bias.flatten()[:, None].to(weight)], 1)
