"""The dimensions of encoder-decoders of BART's architecture, by their `config.json`, and their parameters.

BART, mBART, Pegasus, Marian, M2M-100 and others are one architecture under many names: two stacks of one width, biases
everywhere, two matrices in a feed-forward block, a head that is the embedding unless the configuration says otherwise.
They differ in where their positions come from.
"""

import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from raydoa.errors import UserError
from raydoa.models.lora import Matrices
from raydoa.models.seq2seq.shape import refuse_encoders
from raydoa.models.seq2seq.two_stacks import Dimension, TwoStackShape
from raydoa.settings import parse

_EXTRA_POSITIONS = {"bart": 2, "mbart": 2, "mvp": 2, "plbart": 2}
"""They count positions from 2."""
_COMPUTED_POSITIONS = {"m2m_100", "pegasus_x"}
_GLOBAL_ATTENTION = {"led"}
"""Encoders with a second set of query, key and value matrices, for tokens that see all others."""

BART_KINDS = (
    *_EXTRA_POSITIONS, "bigbird_pegasus", "blenderbot", "blenderbot-small", "led", "m2m_100", "marian", "pegasus",
    "pegasus_x",
)  # fmt: skip

_NAMES = {
    "d_model": "d_model",
    "encoder_layers": "encoder_layers",
    "decoder_layers": "decoder_layers",
    "heads": "encoder_attention_heads",
    "encoder_ffn": "encoder_ffn_dim",
    "decoder_ffn": "decoder_ffn_dim",
    "source_vocabulary": "vocab_size",
}
"""What `config.json` calls the dimensions."""


class BartShape(TwoStackShape):
    """Dimensions of an encoder-decoder of BART's architecture."""

    source_vocabulary: Dimension
    encoder_ffn: Dimension
    decoder_ffn: Dimension
    encoder_positions: int = Field(default=0, ge=0, lt=2**31)
    """Position vectors among the parameters."""
    decoder_positions: int = Field(default=0, ge=0, lt=2**31)
    shared: bool = True
    """Whether encoder and decoder have one vocabulary."""
    tied: bool = True
    """Whether the output head is the decoder's embedding, and a shared embedding one matrix."""
    global_attention: bool = False
    config: str = Field(default="{}", repr=False)
    """`config.json`, canonical: random weights are built from it."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """The shape that a checkpoint's `config.json` says; ``where`` names it in the error.

        Raises:
            UserError: a dimension is missing, or is none; or the model is of another architecture.
        """
        refuse_encoders(config, where)
        kind = str(config.get("model_type"))
        if kind not in BART_KINDS:
            raise UserError(
                f"{where}: model_type is {kind!r}; encoder-decoders that can be teachers or students are t5, mt5, umt5, "
                f"{', '.join(BART_KINDS)}"
            )
        positions = {"encoder": "max_position_embeddings", "decoder": "max_position_embeddings"}
        if kind == "led":
            positions = {part: f"max_{part}_position_embeddings" for part in positions}
        needed = {**_NAMES, **{f"{part}_positions": name for part, name in positions.items()}}
        missing = next((theirs for theirs in needed.values() if config.get(theirs) is None), None)
        if missing is not None:
            raise UserError(f"{where}: {missing} is missing; expected the config of a {kind}")
        fields = {name: config[theirs] for name, theirs in needed.items()}
        for part in positions:
            if kind in _COMPUTED_POSITIONS:
                fields[f"{part}_positions"] = 0
            elif isinstance(fields[f"{part}_positions"], int):
                fields[f"{part}_positions"] += _EXTRA_POSITIONS.get(kind, 0)
        shared = config.get("share_encoder_decoder_embeddings") is not False
        fields |= {
            "vocabulary": (not shared and config.get("decoder_vocab_size")) or config["vocab_size"],
            "shared": shared,
            "tied": config.get("tie_word_embeddings") is not False,
            "global_attention": kind in _GLOBAL_ATTENTION,
            "config": json.dumps(dict(config), sort_keys=True),
        }
        return parse(fields, cls, where=where, naming=lambda path: needed.get(str(path[0]), "?"))

    @property
    def attention(self) -> int:
        return self.d_model

    @property
    def feed_forward_weights(self) -> int:
        return 2 * self.d_model * self.encoder_ffn

    @property
    def decoder_feed_forward_weights(self) -> int:
        return 2 * self.d_model * self.decoder_ffn

    def _blocks(self, weights: int, layers: int) -> Matrices:
        yield self.d_model, weights // (2 * self.d_model), 2 * layers

    @property
    def encoder_parameters(self) -> int:
        """Parameters of the encoder, without the embedding."""
        projections = 7 if self.global_attention else 4
        layer = (
            projections * self._projection
            + self.feed_forward_weights
            + self.encoder_ffn
            + 5 * self.d_model  # Two norms and the bias of the feed-forward block.
        )
        return self.encoder_layers * layer + (2 + self.encoder_positions) * self.d_model

    @property
    def decoder_parameters(self) -> int:
        layer = (
            8 * self._projection
            + self.decoder_feed_forward_weights
            + self.decoder_ffn
            + 7 * self.d_model
        )
        return self.decoder_layers * layer + (2 + self.decoder_positions) * self.d_model

    @property
    def parameters(self) -> int:
        """See `ModelShape.parameters`: without a norm or two that some of the kinds have."""
        if self.shared:
            # A configuration that ties nothing has the shared embedding, one for each stack, and the head.
            embeddings = (1 if self.tied else 4) * self.head_weights
        else:
            own = 1 if self.tied else 2
            embeddings = self.d_model * self.source_vocabulary + own * self.head_weights
        return embeddings + self.encoder_parameters + self.decoder_parameters

    @property
    def _projection(self) -> int:
        """A projection of an attention block, with its bias."""
        return self.attention_weights + self.d_model
