"""Which models of the T5 architecture there are, and their dimensions and parameters.

mT5 is a T5 v1.1 with another vocabulary. umT5 has position biases in each layer, where the others have one for all.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from raydoa.errors import UserError
from raydoa.models.lora import Matrices
from raydoa.models.seq2seq.two_stacks import Dimension, TwoStackShape
from raydoa.settings import parse

_POSITION_BUCKETS = 32
_T5_KINDS = ("t5", "mt5", "umt5")


def is_t5(config: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is that of a T5, an mT5 or a umT5."""
    return config.get("model_type") in _T5_KINDS


def head_is_tied(config: Mapping[str, Any]) -> bool:
    """Whether the output head of a T5 is its embedding, by its `config.json`.

    transformers 5 writes `tie_word_embeddings: true` for every T5. That the head of a v1.1 model is its own is then said
    by `scale_decoder_outputs` alone. An mT5 is never scaled, and its head is always its own.
    """
    return bool(
        config.get("model_type") != "mt5"
        and config.get("tie_word_embeddings", True)
        and config.get("scale_decoder_outputs") is not False
    )


_CONFIG_NAMES = {
    "vocabulary": "vocab_size",
    "d_model": "d_model",
    "d_kv": "d_kv",
    "d_ff": "d_ff",
    "heads": "num_heads",
    "encoder_layers": "num_layers",
}
"""What `config.json` calls the dimensions."""


class T5Shape(TwoStackShape):
    """Dimensions of a T5; the defaults are v1.1 (gated feed-forward, an output head of its own)."""

    kind: Literal["t5", "mt5", "umt5"] = "t5"
    d_kv: Dimension
    d_ff: Dimension
    gated: bool = True
    tied: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """The shape that a checkpoint's `config.json` says; ``where`` names it in the error.

        Raises:
            UserError: a dimension is missing, or is none.
        """
        refuse_encoders(config, where)
        layers, kind = config.get("num_layers"), config.get("model_type", "t5")
        try:
            fields = {name: config[theirs] for name, theirs in _CONFIG_NAMES.items()}
        except KeyError as missing:
            raise UserError(
                f"{where}: {missing.args[0]} is missing; expected a T5 config"
            ) from None
        fields |= {
            "kind": kind,
            "decoder_layers": config.get("num_decoder_layers") or layers,
            "gated": str(
                config.get("feed_forward_proj", "relu" if kind == "t5" else "gated-gelu")
            ).startswith("gated-"),
            "tied": head_is_tied(config),
        }
        return parse(
            fields, cls, where=where, naming=lambda path: _CONFIG_NAMES.get(str(path[0]), "layers")
        )

    @property
    def attention(self) -> int:
        return self.d_kv * self.heads

    @property
    def feed_forward_weights(self) -> int:
        return (3 if self.gated else 2) * self.d_model * self.d_ff

    def _blocks(self, weights: int, layers: int) -> Matrices:
        matrices = weights // (self.d_model * self.d_ff)
        yield self.d_model, self.d_ff, matrices * layers

    @property
    def encoder_parameters(self) -> int:
        """Parameters of the encoder, without the embedding."""
        layer = 4 * self.attention_weights + self.feed_forward_weights + 2 * self.d_model
        return self.encoder_layers * layer + self.d_model + self._positions(self.encoder_layers)

    @property
    def decoder_parameters(self) -> int:
        layer = 8 * self.attention_weights + self.feed_forward_weights + 3 * self.d_model
        return self.decoder_layers * layer + self.d_model + self._positions(self.decoder_layers)

    @property
    def parameters(self) -> int:
        """See `ModelShape.parameters`: the shared embedding once, the head if it is a matrix of its own."""
        matrices = 1 if self.tied else 2
        return self.encoder_parameters + self.decoder_parameters + matrices * self.head_weights

    def _positions(self, layers: int) -> int:
        return _POSITION_BUCKETS * self.heads * (layers if self.kind == "umt5" else 1)


def refuse_encoders(config: Mapping[str, Any], where: str) -> None:
    """Raises `UserError`: the checkpoint is the encoder of an encoder-decoder, saved alone."""
    for name in config.get("architectures") or ():
        if str(name).endswith("EncoderModel"):
            raise UserError(
                f"{where}: {name} is an encoder alone, which writes nothing; name a checkpoint with its decoder"
            )
