"""Sizes and operations of encoder-decoders that are no T5, against their networks and what is published."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from raydoa.errors import UserError
from raydoa.models.lookup import shape_at
from raydoa.models.model_shape import Device
from raydoa.models.seq2seq.bart_shape import BART_KINDS, BartShape
from raydoa.models.seq2seq.family import Seq2Seq
from raydoa.models.seq2seq.loss import decoder_states
from raydoa.models.seq2seq.output_head import OutputHead
from raydoa.models.seq2seq.shape import T5Shape
from raydoa.training.batches import Example, collate
from tests.unit.checkpoints import write_checkpoint
from tests.unit.models.seq2seq.kinds import (
    live_logits,
    opened,
    written,
)
from tests.unit.seq2seqs import small_config


@pytest.mark.parametrize("kind", BART_KINDS)
def test_the_shape_and_the_states_of_each_kind_are_those_of_its_network(kind: str) -> None:
    config = small_config(kind)
    torch.manual_seed(0)
    network = AutoModelForSeq2SeqLM.from_config(config).eval()
    if hasattr(network, "final_logits_bias"):
        network.final_logits_bias.normal_()
    shape = Seq2Seq().shape(json.loads(config.to_json_string(use_diff=False)), "here")
    assert shape.parameters == pytest.approx(sum(p.numel() for p in network.parameters()), rel=0.02)
    assert Seq2Seq().takes(config.to_dict())
    batch = collate(
        [
            Example("a", [5, 6, 7, 8, 9, 2], [0, 5, 6, 2]),
            Example("b", [5, 9, 2], [0, 8, 7, 3, 6, 2]),
        ]
    )
    with torch.no_grad():
        found = OutputHead(network)(decoder_states(network, batch))
        for i, row in enumerate(([5, 6, 7, 8, 9, 2], [5, 9, 2])):
            alone = Example("a", row, batch.target[i][batch.target_mask[i]].tolist())
            wanted = live_logits(network, alone)
            torch.testing.assert_close(found[i, : len(wanted)], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["marian", "bart"])
def test_matrices_that_are_not_shared_are_counted(kind: str) -> None:
    apart = {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 200}
    config = small_config(kind, **(apart if kind == "marian" else {"tie_word_embeddings": False}))
    network = AutoModelForSeq2SeqLM.from_config(config)
    shape = BartShape.from_config(config.to_dict(), "here")
    assert shape.outputs == network.get_output_embeddings().out_features
    held = sum(p.numel() for p in network.parameters())
    assert shape.parameters == pytest.approx(held, rel=0.02)


@pytest.mark.parametrize("kind", ["t5", "mt5", "umt5"])
def test_all_parameters_of_the_t5s_are_counted(tmp_path: Path, kind: str) -> None:
    folder = write_checkpoint(tmp_path / "t5") if kind == "t5" else written(tmp_path / kind, kind)
    network = opened(folder).network
    assert sum(p.numel() for p in network.parameters()) == shape_at(folder).parameters


def test_sizes_of_models_that_people_know() -> None:
    bart = {
        "model_type": "bart", "vocab_size": 50265, "d_model": 768, "encoder_layers": 6, "decoder_layers": 6,
        "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072, "encoder_attention_heads": 12, "max_position_embeddings": 1024,
    }  # fmt: skip
    small = {
        "d_model": 512, "d_kv": 64, "d_ff": 1024, "num_heads": 6, "num_layers": 8, "num_decoder_layers": 8,
        "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
    }  # fmt: skip
    mt5 = {**small, "model_type": "mt5", "vocab_size": 250112}
    umt5 = {**small, "model_type": "umt5", "vocab_size": 256384}
    sizes = {139.42e6: bart, 300.18e6: mt5, 306.60e6: umt5}
    device = Device(1e14, 1e12, 1e-5)
    for known, config in sizes.items():
        shape = Seq2Seq().shape(config, "here")
        assert shape.parameters == pytest.approx(known, rel=0.005)
        assert shape.training_seconds(device, 8, 64, 16) > 0 and shape.training_bytes(1) > known
        assert shape.labelling_seconds(device, 8, 64, 16) > shape.labelling_seconds(
            device, 8, 64, 8
        )


def test_a_bart_takes_the_operations_of_a_t5_of_its_dimensions() -> None:
    bart = BartShape.from_config(small_config("bart", encoder_ffn_dim=24).to_dict(), "here")
    t5 = T5Shape(
        vocabulary=300, d_model=16, d_kv=8, d_ff=24, heads=2, encoder_layers=2, decoder_layers=1, gated=False,
    )  # fmt: skip
    assert bart.forward_flops(20, 7) == t5.forward_flops(20, 7)
    assert bart.activation_bytes(20, 7) == t5.activation_bytes(20, 7)


def test_encoder_decoders_that_are_not_known_are_refused_by_their_configuration() -> None:
    for kind in ("fsmt", "voxtral", "t5gemma"):
        assert Seq2Seq().takes({"model_type": kind})
        with pytest.raises(UserError, match=f"here: model_type is '{kind}'; encoder-decoders that"):
            Seq2Seq().shape({"model_type": kind}, "here")
    with pytest.raises(UserError, match="here: d_model is missing; expected the config of a bart"):
        Seq2Seq().shape({"model_type": "bart"}, "here")
    broken = {**small_config("bart").to_dict(), "max_position_embeddings": "x"}
    with pytest.raises(UserError, match="here: max_position_embeddings: "):
        Seq2Seq().shape(broken, "here")
    assert not Seq2Seq().takes({"model_type": "bert"}) and not Seq2Seq().takes({})


@pytest.mark.parametrize("kind", ["bart", "umt5"])
def test_a_network_can_be_built_to_measure_its_speed(
    folder: Callable[[str], Path], kind: str
) -> None:
    shape = shape_at(folder(kind))
    model = Seq2Seq().build(shape)
    held = sum(p.numel() for p in model.network.parameters())
    assert held == pytest.approx(shape.parameters, rel=0.02)
    rows = model.random_examples(3, 9, 4)
    loss = model.loss(activation_checkpointing=True)(collate(rows), 1.0)
    loss.backward()
    assert float(loss) > 0 and model.network.get_input_embeddings().weight.grad is not None
