"""What follows from the dimensions of a model of two stacks, an encoder and a decoder: operations, seconds and bytes.

Operations count matrix products only, 2 per weight and token, attention scores included; a training step is three
forward passes (appendix B of arXiv 2204.02311), two where the weights are frozen (`raydoa.models.lora`), at the utilisation
that training reaches, and takes at least the time in which the layers' kernels can be launched, which is what bounds small
models. A generated token takes the longest of its operations, of reading the decoder's weights and caches from memory, and
of launching the decoder's kernels. Embedding look-ups, norms, softmax and the optimiser are inside the utilisation, which
was measured over whole steps.
"""

import math
from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from raydoa.models.lora import AdaptableShape, Matrices, passes
from raydoa.models.memory import training_memory
from raydoa.models.model_shape import Device

_BF16_BYTES = 2

Dimension = Annotated[int, Field(ge=1, lt=2**31)]


class TwoStackShape(AdaptableShape):
    """See `ModelShape`. A kind of model says how wide its attention and its feed-forward blocks are, and its parameters."""

    vocabulary: Dimension
    """Ids that it can write."""
    d_model: Dimension
    encoder_layers: Dimension
    decoder_layers: Dimension
    heads: Dimension

    @property
    def family(self) -> str:
        return "seq2seq"

    @property
    def outputs(self) -> int:
        return self.vocabulary

    @property
    def width(self) -> int:
        return self.d_model

    @property
    def writes(self) -> Literal["tokens"]:
        return "tokens"

    @property
    @abstractmethod
    def attention(self) -> int:
        """Width of all heads together."""

    @property
    @abstractmethod
    def feed_forward_weights(self) -> int:
        """Weights of one feed-forward block of the encoder."""

    @property
    def decoder_feed_forward_weights(self) -> int:
        """Weights of one feed-forward block of the decoder."""
        return self.feed_forward_weights

    @property
    @abstractmethod
    def decoder_parameters(self) -> int:
        """Parameters of the decoder, without embedding and head."""

    @property
    @abstractmethod
    def parameters(self) -> int:
        """All parameters."""

    def _matrices(self) -> Matrices:
        """Linear layers: one attention to a layer of the encoder, and two to one of the decoder."""
        stacks = (
            (self.encoder_layers, 1, self.feed_forward_weights),
            (self.decoder_layers, 2, self.decoder_feed_forward_weights),
        )
        for layers, attentions, feed_forward in stacks:
            yield self.d_model, self.attention, 4 * attentions * layers
            yield from self._blocks(feed_forward, layers)

    @abstractmethod
    def _blocks(self, weights: int, layers: int) -> Matrices:
        """The linear layers of feed-forward blocks of so many ``weights``."""

    @property
    def attention_weights(self) -> int:
        """Weights of one projection between the model's width and all heads."""
        return self.d_model * self.attention

    @property
    def head_weights(self) -> int:
        """Weights that turn a decoder state into logits, whether tied or not."""
        return self.d_model * self.vocabulary

    def encoder_flops(self, source_length: int) -> int:
        """Operations of one row's forward pass through the encoder."""
        weights = 4 * self.attention_weights + self.feed_forward_weights
        scores = 2 * source_length * self.attention
        return 2 * self.encoder_layers * source_length * (weights + scores)

    def cross_attention_flops(self, source_length: int) -> int:
        """Operations that project one row's encoder states to the decoder's keys and values."""
        return 2 * self.decoder_layers * source_length * 2 * self.attention_weights

    def decoder_flops_per_token(self, source_length: int, target_length: int) -> int:
        """Operations of one target token through decoder and head, attending to these lengths."""
        weights = 6 * self.attention_weights + self.decoder_feed_forward_weights
        scores = 2 * (source_length + target_length) * self.attention
        return 2 * (self.decoder_layers * (weights + scores) + self.head_weights)

    def forward_flops(self, source_length: int, target_length: int) -> int:
        """Operations of one row's forward pass."""
        return (
            self.encoder_flops(source_length)
            + self.cross_attention_flops(source_length)
            + target_length * self.decoder_flops_per_token(source_length, target_length)
        )

    def training_seconds(
        self,
        device: Device,
        rows: int,
        source_length: int,
        target_length: int,
        teacher_head: int = 0,
    ) -> float:
        flops = (
            passes(self.lora) * self.forward_flops(source_length, target_length)
            + 2 * target_length * teacher_head
        )
        layers = self.encoder_layers + self.decoder_layers
        # A LoRA's own kernels take the place of those that it saves.
        launching = passes(None) * layers * device.seconds_per_layer
        return max(rows * flops / device.flops_per_second, launching)

    def labelling_seconds(
        self, device: Device, rows: int, source_length: int, target_length: int
    ) -> float:
        """See `ModelShape.labelling_seconds`: the encoder, then a decoder step per target token.

        Keys and values of the source are cached from the start and those of the target grow, so on average half of the
        target's are read.
        """
        encoding = self.encoder_flops(source_length) + self.cross_attention_flops(source_length)
        cached = source_length + target_length / 2
        caches = 2 * self.decoder_layers * self.attention * rows * cached
        token_flops = self.decoder_flops_per_token(source_length, math.ceil(target_length / 2))
        step = max(
            rows * token_flops / device.flops_per_second,
            _BF16_BYTES
            * (self.decoder_parameters + self.head_weights + caches)
            / device.bytes_per_second,
            self.decoder_layers * device.seconds_per_layer,
        )
        return rows * encoding / device.flops_per_second + target_length * step

    def training_bytes(self, gpus: int, *, offload: bool = False) -> float:
        return training_memory(self, gpus, offload=offload).total

    def labelling_bytes(self) -> float:
        return float(_BF16_BYTES * self.parameters)

    def activation_bytes(self, source_length: int, target_length: int) -> float:
        """Of one row in a training that keeps only each layer's input (`raydoa.models.memory`)."""
        tokens = source_length * self.encoder_layers + target_length * self.decoder_layers
        inputs = 2 * tokens * self.d_model
        width = self.feed_forward_weights // self.d_model + 4 * self.attention
        inside = 2 * (source_length * width + self.heads * source_length**2)
        logits = 4 * target_length * self.vocabulary
        return inputs + 2 * inside + 3 * logits
