"""The dimensions of a model of one stack of transformer layers, an encoder's or a decoder's, and what follows from them.

They are read from any `config.json`, whose names for them differ. Operations are counted as for a T5
(`raydoa.models.seq2seq.shape`): matrix products only, 2 per weight and token, attention scores included; a training step
is three forward passes, two where the weights are frozen (`raydoa.models.lora`), and takes at least the time in which the
layers' kernels can be launched. Of experts, a token goes through those that are active.
"""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from raydoa.errors import UserError
from raydoa.models.lora import AdaptableShape, Matrices, passes
from raydoa.models.memory import training_memory
from raydoa.models.model_shape import Device
from raydoa.settings import parse

_BF16_BYTES = 2
_CLASSES = 2
"""Of a head whose task is not known: its size hardly matters."""

_NAMES: Mapping[str, tuple[str, ...]] = {
    "vocabulary": ("vocab_size",),
    "width": ("hidden_size", "d_model", "dim", "n_embd", "embed_dim"),
    "layers": ("num_hidden_layers", "n_layers", "n_layer", "num_layers", "encoder_layers"),
    "heads": ("num_attention_heads", "n_heads", "n_head", "num_heads", "encoder_attention_heads"),
    "feed_forward": ("intermediate_size", "hidden_dim", "n_inner", "ffn_dim", "encoder_ffn_dim", "d_ff"),
}  # fmt: skip
"""What `config.json` calls the dimensions, by kind of model."""
_OPTIONAL = {"n_inner"}
_GATED_ENCODERS = {"modernbert", "modernbert-decoder", "neobert", "eurobert"}
_GATED_ACTIVATIONS = ("silu", "swish", "swiglu", "geglu")

_Dimension = Annotated[int, Field(ge=1, lt=2**31)]


class StackShape(AdaptableShape):
    """See `ModelShape`.

    Attributes:
        family: `encoder` or `causal`.
        width, layers, feed_forward, vocabulary: its dimensions.
        attention: width of all heads' queries together.
        key_values: width of all heads' keys together; less than ``attention`` where heads share them.
        positions: learnt position vectors.
        gated: whether a feed-forward block has three matrices, and not two.
        experts, active_experts: feed-forward blocks of a layer, and those that a token goes through.
        tied: whether the output head is the embedding.
        plain_head: whether logits are the output head times a state; else no distribution over tokens is exchanged.
        config: `config.json`, canonical: random weights are built from it.
        lora: what is trained of it; None: all of it.
    """

    family: Literal["encoder", "causal"]
    vocabulary: _Dimension
    width: _Dimension
    layers: _Dimension
    attention: _Dimension
    key_values: _Dimension
    feed_forward: _Dimension
    positions: int = Field(default=0, ge=0)
    gated: bool = False
    experts: _Dimension = 1
    active_experts: _Dimension = 1
    tied: bool = True
    plain_head: bool = True
    config: str = Field(default="{}", repr=False)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], where: str, family: Literal["encoder", "causal"]
    ) -> Self:
        """The shape that a `config.json` says; ``where`` names it in the error.

        Raises:
            UserError: a dimension is missing, or is none.
        """
        found = {name: _first(config, theirs) for name, theirs in _NAMES.items()}
        if found["feed_forward"] is None and "n_inner" in config and found["width"]:
            found["feed_forward"] = 4 * int(
                found["width"]
            )  # GPT-2's default, which its config leaves open.
        for name, value in found.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UserError(
                    f"{where}: {name}: found {value!r}; expected a whole number under {' or '.join(_NAMES[name])}"
                )
        width, heads = int(found["width"] or 0), int(found.pop("heads") or 0)
        each = config.get("head_dim") or width // heads
        shared = config.get("num_key_value_heads") or heads
        experts = _first(config, ("num_experts", "num_local_experts")) or 1
        if experts > 1 and config.get("moe_intermediate_size"):
            found["feed_forward"] = config["moe_intermediate_size"]
        fields = {
            **found,
            "family": family,
            "attention": heads * each,
            "key_values": shared * each,
            "positions": _learnt_positions(config),
            "gated": _is_gated(config, family),
            "experts": experts,
            "active_experts": config.get("num_experts_per_tok") or 1 if experts > 1 else 1,
            "tied": config.get("tie_word_embeddings", family == "encoder" or _ties(config)),
            "config": json.dumps(dict(config), sort_keys=True),
        }
        return parse(fields, cls, where=where)

    @property
    def outputs(self) -> int:
        return self.vocabulary if self.family == "causal" else _CLASSES

    @property
    def writes(self) -> str:
        if self.family == "encoder":
            return "classes"
        return "tokens" if self.plain_head else "text"

    @property
    def head_weights(self) -> int:
        """Weights that turn a state into outputs, whether tied or not."""
        return self.width * self.outputs

    @property
    def parameters(self) -> int:
        """All parameters; biases and norms are left out."""
        embeddings = (self.vocabulary + self.positions) * self.width
        own_head = 0 if self.family == "causal" and self.tied else self.head_weights
        return embeddings + self.layers * self._layer_weights(self.experts) + own_head

    def _head(self) -> int:
        """A classifier's own, which may have a layer as wide as the model."""
        return self.width * (self.width + self.outputs) if self.family == "encoder" else 0

    def _matrices(self) -> Matrices:
        """Linear layers; experts are none, being tensors of all of them together."""
        yield self.width, self.attention, self.layers
        yield self.width, self.key_values, 2 * self.layers
        yield self.attention, self.width, self.layers
        if self.experts == 1:
            yield self.width, self.feed_forward, (2 if self.gated else 1) * self.layers
            yield self.feed_forward, self.width, self.layers

    def _layer_weights(self, experts: int) -> int:
        attention = 2 * self.width * (self.attention + self.key_values)
        blocks = (3 if self.gated else 2) * self.width * self.feed_forward
        return attention + experts * blocks + (self.experts * self.width if self.experts > 1 else 0)

    def forward_flops(self, tokens: int) -> int:
        """Operations of one row of ``tokens`` through all layers, without the head."""
        scores = 2 * tokens * self.attention
        return 2 * self.layers * tokens * (self._layer_weights(self.active_experts) + scores)

    def training_seconds(
        self,
        device: Device,
        rows: int,
        source_length: int,
        target_length: int,
        teacher_head: int = 0,
    ) -> float:
        """See `ModelShape.training_seconds`; the head is at the target's tokens alone, a classifier's at one."""
        tokens, heads = self._tokens(source_length, target_length)
        flops = passes(self.lora) * (self.forward_flops(tokens) + 2 * heads * self.head_weights)
        flops += 2 * heads * teacher_head
        # A LoRA's own kernels take the place of those that it saves.
        launching = passes(None) * self.layers * device.seconds_per_layer
        return max(rows * flops / device.flops_per_second, launching)

    def labelling_seconds(
        self, device: Device, rows: int, source_length: int, target_length: int
    ) -> float:
        """See `ModelShape.labelling_seconds`: one pass over the source, then one for each token that is written."""
        reading = max(
            rows * self.forward_flops(source_length) / device.flops_per_second,
            _BF16_BYTES * self.parameters / device.bytes_per_second,
            self.layers * device.seconds_per_layer,
        )
        if self.family == "encoder":
            return reading
        flops = 2 * self.layers * self._layer_weights(self.active_experts) + 2 * self.head_weights
        cached = 2 * self.layers * self.key_values * rows * (source_length + target_length / 2)
        step = max(
            rows * flops / device.flops_per_second,
            _BF16_BYTES * (self.parameters + cached) / device.bytes_per_second,
            self.layers * device.seconds_per_layer,
        )
        return reading + target_length * step

    def training_bytes(self, gpus: int, *, offload: bool = False) -> float:
        return training_memory(self, gpus, offload=offload).total

    def labelling_bytes(self) -> float:
        return float(_BF16_BYTES * self.parameters)

    def activation_bytes(self, source_length: int, target_length: int) -> float:
        """Of one row in a training that keeps only each layer's input (`raydoa.models.memory`)."""
        tokens, heads = self._tokens(source_length, target_length)
        inputs = 2 * tokens * self.layers * self.width
        width = (3 if self.gated else 2) * self.feed_forward + 2 * (
            self.attention + self.key_values
        )
        inside = 2 * tokens * width
        logits = 4 * heads * self.outputs
        return inputs + 2 * inside + 3 * logits

    def _tokens(self, source_length: int, target_length: int) -> tuple[int, int]:
        """Tokens of a row in training, and those at which the head is."""
        if self.family == "encoder":
            return source_length, 1
        return source_length + target_length, target_length


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if config.get(name) is not None), None)


def _learnt_positions(config: Mapping[str, Any]) -> int:
    """Position vectors of models that learn them; most others rotate their queries and keys."""
    most = config.get("max_position_embeddings")
    if config.get("relative_attention"):  # DeBERTa: of the distance, either way
        reach = max(config.get("position_buckets", -1), 0) or max(
            config.get("max_relative_positions", -1), 0
        )
        return 2 * int(reach or most or 0)
    if config.get("model_type") in _GATED_ENCODERS or any("rope" in key for key in config):
        return 0
    found = _first(config, ("max_position_embeddings", "n_positions", "n_ctx"))
    return int(found) if isinstance(found, int) and math.isfinite(found) else 0


def _is_gated(config: Mapping[str, Any], family: str) -> bool:
    if family == "encoder":
        return config.get("model_type") in _GATED_ENCODERS
    activation = _first(config, ("hidden_act", "hidden_activation", "activation_function"))
    # Gemma gates with the same function that others do not gate with.
    return activation in _GATED_ACTIVATIONS or str(config.get("model_type")).startswith("gemma")


def _ties(config: Mapping[str, Any]) -> bool:
    """Where a `config.json` does not say it, as transformers 5 takes it for decoders of that kind."""
    return config.get("model_type") in {
        "gpt2",
        "gpt_neo",
        "opt",
        "bloom",
        "gemma",
        "gemma2",
        "gemma3_text",
    }
