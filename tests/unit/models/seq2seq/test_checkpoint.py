"""Models are saved and loaded to the same logits, tied or not, and whoever saved them."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import T5ForConditionalGeneration

from raydoa.errors import UserError
from raydoa.models.family import Opening
from raydoa.models.head import HEAD_FILE, load_head
from raydoa.models.hub import read_config
from raydoa.models.seq2seq.checkpoint import UntiedT5, build_model, load_model, save_model
from raydoa.models.seq2seq.nano import NANO_MODELS, nano_shape
from raydoa.models.seq2seq.shape import T5Shape
from raydoa.models.seq2seq.tokenizer import load_tokenizer
from tests.unit.checkpoints import VOCABULARY, vocabulary, write_checkpoint


def logits(model: T5ForConditionalGeneration) -> torch.Tensor:
    source, target = torch.tensor([[5, 6, 1]]), torch.tensor([[0, 4, 9]])
    with torch.inference_mode():
        found: torch.Tensor = model.eval()(input_ids=source, decoder_input_ids=target).logits
    return found


@pytest.mark.parametrize("name", NANO_MODELS)
def test_nano_models(name: str, tmp_path: Path) -> None:
    shape = nano_shape(name, VOCABULARY)
    model = build_model(shape, seed=3, dropout=0.1)
    assert sum(p.numel() for p in model.parameters()) == shape.parameters
    assert torch.equal(logits(build_model(shape, seed=3, dropout=0.1)), logits(model))
    assert not torch.equal(logits(build_model(shape, seed=4, dropout=0.1)), logits(model))
    save_model(model, vocabulary(), tmp_path)
    for loaded in (load_model(tmp_path), T5ForConditionalGeneration.from_pretrained(tmp_path)):
        assert torch.equal(logits(loaded), logits(model))
    assert load_tokenizer(tmp_path).fingerprint == vocabulary().fingerprint
    assert torch.equal(load_head(tmp_path), model.lm_head.weight)
    assert T5Shape.from_config(read_config(tmp_path), "config") == shape


def test_building_leaves_the_global_randomness_alone() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    build_model(nano_shape("nano-s", VOCABULARY), seed=3, dropout=0.0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_unknown_nano_model() -> None:
    with pytest.raises(
        UserError, match=r"model: found 'nano-z'; nano models are nano-s, .*did you mean"
    ):
        nano_shape("nano-z", 100)


@pytest.mark.parametrize("untied", [True, False])
def test_round_trips_of_checkpoints_of_other_people(tmp_path: Path, untied: bool) -> None:
    """transformers 5 says `tie_word_embeddings: true` of v1.1 as well; the scale of the head tells them apart."""
    theirs = write_checkpoint(tmp_path / "theirs", untied=untied)
    assert json.loads((theirs / "config.json").read_text())["tie_word_embeddings"] is True
    reference = logits(T5ForConditionalGeneration.from_pretrained(theirs))
    model = load_model(theirs)
    assert isinstance(model, UntiedT5) is untied
    assert T5Shape.from_config(read_config(theirs), "c").tied is not untied
    for generation in ("ours", "again"):
        save_model(model, load_tokenizer(theirs), tmp_path / generation)
        model = load_model(tmp_path / generation)
        assert isinstance(model, UntiedT5) is untied
        assert torch.equal(logits(model), reference)
    assert torch.equal(load_head(tmp_path / "again"), model.lm_head.weight)
    assert torch.equal(model.lm_head.weight, model.shared.weight) is not untied


@pytest.mark.parametrize("untied", [True, False])
def test_a_state_of_its_own_replaces_the_weights(tmp_path: Path, untied: bool) -> None:
    """As under ZeRO-3, where the model's own weights are in shards."""
    model = load_model(write_checkpoint(tmp_path / "a", untied=untied))
    other = load_model(write_checkpoint(tmp_path / "b", untied=untied, seed=9))
    save_model(model, vocabulary(), tmp_path / "c", state=dict(other.state_dict()))
    assert torch.equal(logits(load_model(tmp_path / "c")), logits(other))
    assert torch.equal(load_head(tmp_path / "c"), other.lm_head.weight)


def test_precision_and_dropout_are_those_asked_for(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "m")
    model = load_model(folder, Opening(dropout=0.25, precision="bfloat16"))
    assert model.lm_head.weight.dtype == torch.bfloat16
    assert model.config.dropout_rate == 0.25 and model.encoder.dropout.p == 0.25


def test_weights_of_torch_are_read_where_there_are_no_others(tmp_path: Path) -> None:
    """The T5 v1.1 repositories on the hub have `pytorch_model.bin` only."""
    folder = write_checkpoint(tmp_path / "m")
    reference = logits(load_model(folder))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert torch.equal(logits(load_model(folder)), reference)


def test_checkpoints_that_are_none(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "m")
    good = (folder / "model.safetensors").read_bytes()
    config = (folder / "config.json").read_text()

    def refused(message: str) -> None:
        with pytest.raises(UserError, match=message) as caught:
            load_model(folder)
        assert "\n" not in str(caught.value)

    weights = load_file(folder / "model.safetensors")
    weights.pop("decoder.final_layer_norm.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    refused("its weights lack 1 tensors of its config, such as decoder.final_layer_norm.weight")
    (folder / "model.safetensors").write_bytes(b"not at all")
    refused("cannot be loaded as T5")
    (folder / "model.safetensors").write_bytes(good)
    (folder / "config.json").write_text(config.replace('"d_ff": 32', '"d_ff": 33'))
    refused("cannot be loaded as T5: the shapes of its weights are not those of its config.json")
    (folder / "config.json").write_text(
        config.replace('"model_type": "t5"', '"model_type": "bert"')
    )
    refused(r"config.json: model_type is 'bert'; only T5-architecture")
    (folder / "config.json").write_text("{")
    refused("config.json: not JSON")
    (folder / "config.json").write_text("[]")
    refused(r"config.json: found \[\]; expected the JSON object of a checkpoint")
    (folder / "config.json").unlink()
    refused("config.json: no such file; expected a checkpoint folder")


def test_a_config_without_a_dimension() -> None:
    with pytest.raises(UserError, match="here: d_model is missing; expected a T5 config"):
        T5Shape.from_config({"vocab_size": 5, "num_layers": 2}, "here")


def test_a_head_is_read_without_its_body(tmp_path: Path) -> None:
    model = build_model(nano_shape("nano-s", VOCABULARY), seed=0, dropout=0.0)
    save_model(model, vocabulary(), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert load_head(tmp_path).shape == (VOCABULARY, 32)
    assert set(load_file(tmp_path / HEAD_FILE)) == {"head"}
