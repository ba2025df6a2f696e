"""The dimensions of T5 models, and the parameters, operations and seconds that follow from them.

Operations count matrix products only, 2 per weight and token, attention scores included; a training step is three
forward passes (appendix B of arXiv 2204.02311) at the utilisation that training reaches, and takes at least the time in
which the layers' kernels can be launched, which is what bounds small models. A generated token takes the longest of its
operations, of reading the decoder's weights and caches from memory, and of launching the decoder's kernels. Embedding
look-ups, norms, softmax and the optimiser are inside the utilisation, which was measured over whole steps.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from raydoa.errors import UserError
from raydoa.models.family import Device
from raydoa.models.memory import training_memory
from raydoa.settings import Settings, parse

_POSITION_BUCKETS = 32
_BF16_BYTES = 2
_FORWARDS_PER_TRAINING_STEP = 3


def is_t5(config: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is that of a T5."""
    return config.get("model_type") == "t5"


def head_is_tied(config: Mapping[str, Any]) -> bool:
    """Whether the output head of a T5 is its embedding, by its `config.json`.

    transformers 5 writes `tie_word_embeddings: true` for every T5. That the head of a v1.1 model is its own is then said
    by `scale_decoder_outputs` alone.
    """
    return bool(
        config.get("tie_word_embeddings", True) and config.get("scale_decoder_outputs") is not False
    )


_Dimension = Annotated[int, Field(ge=1, lt=2**31)]
_CONFIG_NAMES = {
    "vocabulary": "vocab_size",
    "d_model": "d_model",
    "d_kv": "d_kv",
    "d_ff": "d_ff",
    "heads": "num_heads",
    "encoder_layers": "num_layers",
}
"""What `config.json` calls the dimensions."""


class T5Shape(Settings):
    """Dimensions of a T5; the defaults are v1.1 (gated feed-forward, an output head of its own)."""

    vocabulary: _Dimension
    d_model: _Dimension
    d_kv: _Dimension
    d_ff: _Dimension
    heads: _Dimension
    encoder_layers: _Dimension
    decoder_layers: _Dimension
    gated: bool = True
    tied: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """The shape that a checkpoint's `config.json` says; ``where`` names it in the error.

        Raises:
            UserError: a dimension is missing, or is none.
        """
        layers = config.get("num_layers")
        try:
            fields = {name: config[theirs] for name, theirs in _CONFIG_NAMES.items()}
        except KeyError as missing:
            raise UserError(
                f"{where}: {missing.args[0]} is missing; expected a T5 config"
            ) from None
        fields |= {
            "decoder_layers": config.get("num_decoder_layers") or layers,
            "gated": str(config.get("feed_forward_proj", "relu")).startswith("gated-"),
            "tied": head_is_tied(config),
        }
        return parse(
            fields, cls, where=where, naming=lambda path: _CONFIG_NAMES.get(str(path[0]), "layers")
        )

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
    def attention_weights(self) -> int:
        """Weights of one projection between the model's width and all heads."""
        return self.d_model * self.d_kv * self.heads

    @property
    def feed_forward_weights(self) -> int:
        """Weights of one feed-forward block."""
        return (3 if self.gated else 2) * self.d_model * self.d_ff

    @property
    def head_weights(self) -> int:
        """Weights that turn a decoder state into logits, whether tied or not."""
        return self.d_model * self.vocabulary

    @property
    def encoder_parameters(self) -> int:
        """Parameters of the encoder, without the embedding."""
        layer = 4 * self.attention_weights + self.feed_forward_weights + 2 * self.d_model
        return self.encoder_layers * layer + self.d_model + _POSITION_BUCKETS * self.heads

    @property
    def decoder_parameters(self) -> int:
        """Parameters of the decoder, without embedding and head."""
        layer = 8 * self.attention_weights + self.feed_forward_weights + 3 * self.d_model
        return self.decoder_layers * layer + self.d_model + _POSITION_BUCKETS * self.heads

    @property
    def parameters(self) -> int:
        """All parameters; the shared embedding once, the head if it is a matrix of its own."""
        matrices = 1 if self.tied else 2
        return self.encoder_parameters + self.decoder_parameters + matrices * self.head_weights

    def encoder_flops(self, source_length: int) -> int:
        """Operations of one row's forward pass through the encoder."""
        weights = 4 * self.attention_weights + self.feed_forward_weights
        scores = 2 * source_length * self.d_kv * self.heads
        return 2 * self.encoder_layers * source_length * (weights + scores)

    def cross_attention_flops(self, source_length: int) -> int:
        """Operations that project one row's encoder states to the decoder's keys and values."""
        return 2 * self.decoder_layers * source_length * 2 * self.attention_weights

    def decoder_flops_per_token(self, source_length: int, target_length: int) -> int:
        """Operations of one target token through decoder and head, attending to these lengths."""
        weights = 6 * self.attention_weights + self.feed_forward_weights
        scores = 2 * (source_length + target_length) * self.d_kv * self.heads
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
            _FORWARDS_PER_TRAINING_STEP * self.forward_flops(source_length, target_length)
            + 2 * target_length * teacher_head
        )
        layers = self.encoder_layers + self.decoder_layers
        launching = _FORWARDS_PER_TRAINING_STEP * layers * device.seconds_per_layer
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
        caches = 2 * self.decoder_layers * self.d_kv * self.heads * rows * cached
        token_flops = self.decoder_flops_per_token(source_length, math.ceil(target_length / 2))
        step = max(
            rows * token_flops / device.flops_per_second,
            _BF16_BYTES
            * (self.decoder_parameters + self.head_weights + caches)
            / device.bytes_per_second,
            self.decoder_layers * device.seconds_per_layer,
        )
        return rows * encoding / device.flops_per_second + target_length * step

    def training_bytes(self, gpus: int) -> float:
        return training_memory(self, gpus).total

    def labelling_bytes(self) -> float:
        return float(_BF16_BYTES * self.parameters)

    def activation_bytes(self, source_length: int, target_length: int) -> float:
        """Of one row in a training that keeps only each layer's input (`raydoa.models.memory`)."""
        tokens = source_length * self.encoder_layers + target_length * self.decoder_layers
        inputs = 2 * tokens * self.d_model
        width = (3 if self.gated else 2) * self.d_ff + 4 * self.d_kv * self.heads
        inside = 2 * (source_length * width + self.heads * source_length**2)
        logits = 4 * target_length * self.vocabulary
        return inputs + 2 * inside + 3 * logits


def _t5_v1_1(d_model: int, d_ff: int, heads: int, layers: int) -> T5Shape:
    return T5Shape(
        vocabulary=32128,
        d_model=d_model,
        d_kv=64,
        d_ff=d_ff,
        heads=heads,
        encoder_layers=layers,
        decoder_layers=layers,
    )


T5_SHAPES: Mapping[str, T5Shape] = {
    "google/t5-v1_1-small": _t5_v1_1(d_model=512, d_ff=1024, heads=6, layers=8),
    "google/t5-v1_1-base": _t5_v1_1(d_model=768, d_ff=2048, heads=12, layers=12),
    "google/t5-v1_1-large": _t5_v1_1(d_model=1024, d_ff=2816, heads=16, layers=24),
    "google/t5-v1_1-xl": _t5_v1_1(d_model=2048, d_ff=5120, heads=32, layers=24),
    "google/t5-v1_1-xxl": _t5_v1_1(d_model=4096, d_ff=10240, heads=64, layers=24),
}
