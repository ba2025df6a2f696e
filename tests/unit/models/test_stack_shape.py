"""Sizes of real models, from their published configurations alone."""

from typing import Any, Literal

import pytest

from raydoa.errors import UserError
from raydoa.models.model_shape import Device
from raydoa.models.stack_shape import StackShape

_QWEN3: dict[str, Any] = {
    "model_type": "qwen3", "vocab_size": 151936, "head_dim": 128, "num_key_value_heads": 8, "hidden_act": "silu",
    "max_position_embeddings": 40960, "rope_theta": 1e6,
}  # fmt: skip
MODELS: dict[str, tuple[Literal["encoder", "causal"], dict[str, Any], float]] = {
    "Qwen3-0.6B": ("causal", {**_QWEN3, "hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16,
                              "intermediate_size": 3072, "tie_word_embeddings": True}, 596e6),
    "Qwen3-32B": ("causal", {**_QWEN3, "hidden_size": 5120, "num_hidden_layers": 64, "num_attention_heads": 64,
                             "intermediate_size": 25600, "tie_word_embeddings": False}, 32.8e9),
    "Llama-3.2-1B": ("causal", {"model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32,
                                "num_key_value_heads": 8, "intermediate_size": 8192, "vocab_size": 128256, "hidden_act": "silu",
                                "rope_theta": 5e5, "tie_word_embeddings": True}, 1.236e9),
    "gpt2": ("causal", {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": None, "vocab_size": 50257,
                        "n_positions": 1024, "activation_function": "gelu_new"}, 124.4e6),
    "bert-base": ("encoder", {"model_type": "bert", "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
                              "intermediate_size": 3072, "vocab_size": 30522, "max_position_embeddings": 512}, 109.5e6),
    "distilbert-base": ("encoder", {"model_type": "distilbert", "dim": 768, "n_layers": 6, "n_heads": 12, "hidden_dim": 3072,
                                    "vocab_size": 30522, "max_position_embeddings": 512}, 66.4e6),
    "ModernBERT-base": ("encoder", {"model_type": "modernbert", "hidden_size": 768, "num_hidden_layers": 22,
                                    "num_attention_heads": 12, "intermediate_size": 1152, "vocab_size": 50368,
                                    "max_position_embeddings": 8192}, 149e6),
    "deberta-v3-base": ("encoder", {"model_type": "deberta-v2", "hidden_size": 768, "num_hidden_layers": 12,
                                    "num_attention_heads": 12, "intermediate_size": 3072, "vocab_size": 128100,
                                    "relative_attention": True, "position_buckets": 256, "max_relative_positions": -1,
                                    "max_position_embeddings": 512, "position_biased_input": False}, 184e6),
}  # fmt: skip
"""Family, configuration, and the parameters that its publisher states."""


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_those_that_are_published(name: str) -> None:
    family, config, published = MODELS[name]
    shape = StackShape.from_config(config, "config.json", family)
    assert shape.parameters == pytest.approx(published, rel=0.015)


def test_a_token_goes_through_the_active_experts_alone() -> None:
    """Qwen3-30B-A3B: 30.5 billion parameters, of which 3.3 are active."""
    config = {
        **_QWEN3, "model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32,
        "num_key_value_heads": 4, "intermediate_size": 6144, "moe_intermediate_size": 768, "num_experts": 128,
        "num_experts_per_tok": 8, "tie_word_embeddings": False,
    }  # fmt: skip
    shape = StackShape.from_config(config, "config.json", "causal")
    assert shape.parameters == pytest.approx(30.5e9, rel=0.015)
    assert shape.forward_flops(1) / 2 == pytest.approx(3.3e9 - 2 * 151936 * 2048, rel=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"hidden_size": None},
            r"^c: width: found None; expected a whole number under hidden_size or",
        ),
        ({"num_hidden_layers": "12"}, r"^c: layers: found '12'"),
        ({"vocab_size": True}, r"^c: vocabulary: found True"),
        ({"intermediate_size": -1}, r"^c: feed_forward: found -1"),
    ],
)
def test_a_dimension_that_is_none_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        StackShape.from_config({**MODELS["bert-base"][1], **change}, "c", "encoder")


def test_time_and_memory_grow_with_what_they_hang_on() -> None:
    device = Device(1e14, 1e12, 1e-5)
    small, large = (
        StackShape.from_config(MODELS[name][1], "c", "causal")
        for name in ("Qwen3-0.6B", "Qwen3-32B")
    )
    encoder = StackShape.from_config(MODELS["bert-base"][1], "c", "encoder")
    for shape in (small, large, encoder):
        step = shape.training_seconds(device, 32, 128, 8)
        assert shape.training_seconds(device, 64, 128, 8) > step
        assert shape.training_seconds(device, 32, 256, 8) > step
        assert shape.training_bytes(8) < shape.training_bytes(1)
    assert large.training_seconds(device, 1, 64, 8) > small.training_seconds(device, 1, 64, 8)
    assert small.labelling_seconds(device, 32, 128, 16) > small.labelling_seconds(
        device, 32, 128, 8
    )
    once = encoder.labelling_seconds(device, 32, 128, 8)
    assert once == encoder.labelling_seconds(device, 32, 128, 64), "one pass, whatever it says"
    assert large.training_bytes(1) > 16 * large.parameters
