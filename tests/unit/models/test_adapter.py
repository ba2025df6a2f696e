"""A LoRA in models of every family: what is trained, what is kept, and that merged it says the same."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel

from raydoa.errors import UserError
from raydoa.models.adapter import add_adapter, merge_adapter
from raydoa.models.family import Model, Opening
from raydoa.models.lookup import family_at, shape_at
from raydoa.models.lora import Lora
from raydoa.models.naming import ModelName
from raydoa.models.objective import Objective
from raydoa.training.batches import Example, collate
from raydoa.training.engine import PlainEngine
from raydoa.training.recipe import Recipe
from tests.unit.checkpoints import write_checkpoint
from tests.unit.decoders import SHORT, write_decoder
from tests.unit.encoders import write_encoder
from tests.unit.seq2seqs import write_seq2seq
from tests.unit.world import CLASSES, rows

LORA = Lora(r=3, alpha=6)
OBJECTIVE = Objective("classes", CLASSES)
ENCODERS = ("bert", "distilbert", "roberta", "modernbert", "deberta-v2")
DECODERS = ("qwen3", "llama", "gpt2")
T5S = ("t5", "t5-v1_1")
KINDS = (*ENCODERS, *DECODERS, *T5S, "bart")
FUSED = ("gpt2", "modernbert", "deberta-v2")
"""Some of their matrices are one, or none: the arithmetic counts at most a little more."""


def written(folder: Path, kind: str) -> Path:
    if kind in ENCODERS:
        return write_encoder(folder, kind)
    if kind in DECODERS:
        return write_decoder(folder, kind, chat=SHORT)
    return write_checkpoint(folder, untied=kind != "t5") if kind in T5S else write_seq2seq(folder)


def opened(folder: Path) -> Model:
    family = family_at(folder)
    return family.open(folder, Opening(OBJECTIVE if family.name == "encoder" else None, seed=1))


def with_lora(folder: Path, lora: Lora = LORA) -> Model:
    model = opened(folder)
    add_adapter(model, lora, base="some/base", seed=0, dtype=torch.float32)
    return model


def examples(model: Model, count: int = 8) -> list[Example]:
    some = rows(count)
    sources = [row["source"] for row in some]
    targets = model.target_ids([row["target"] for row in some], 8, sources, 16)
    return [
        Example(str(index), source, target)
        for index, (source, target) in enumerate(
            zip(model.source_ids(sources, 16), targets, strict=True)
        )
    ]


def loss_of(model: Model) -> float:
    loss = model.loss()
    loss.eval()
    with torch.no_grad():
        return float(loss(collate(examples(model)), 1.0))


def train(model: Model, steps: int = 4) -> None:
    engine = PlainEngine(model.loss(), Recipe(learning_rate=0.02, batch_size=8, epochs=1), steps)
    for _ in range(steps):
        engine.accumulate(collate(examples(model)), 1.0 / 8)
        engine.step()
    model.network.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_trained_kept_and_merged(tmp_path: Path, kind: str) -> None:
    folder = written(tmp_path / "base", kind)
    model, before = with_lora(folder), opened(folder)
    assert loss_of(model) == pytest.approx(loss_of(before), rel=1e-5), "it begins as its base"
    train(model)
    trained = loss_of(model)
    assert trained < loss_of(before)
    model.save(tmp_path / "kept")
    files = {path.name for path in (tmp_path / "kept").iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json"} <= files
    assert not {"model.safetensors", "config.json"} & files, "its base is elsewhere"
    merged = opened(folder)
    names = set(merged.network.state_dict())
    merge_adapter(merged.network, tmp_path / "kept")
    assert loss_of(merged) == pytest.approx(trained, rel=1e-4)
    assert set(merged.network.state_dict()) == names, "nothing of the LoRA is left"


@pytest.mark.parametrize("kind", KINDS)
def test_the_arithmetic_knows_what_is_trained(tmp_path: Path, kind: str) -> None:
    folder = written(tmp_path, kind)
    model, whole = with_lora(folder), shape_at(folder)
    shape = shape_at(folder, ModelName.of("m[lora_r=3]").settings)
    trained = {name: p for name, p in model.network.named_parameters() if p.requires_grad}
    updates = {name for name in trained if "lora_" in name}
    heads = {name.split(".modules_to_save")[0] for name in set(trained) - updates}
    assert {head.rsplit(".", 1)[-1] for head in heads} == {
        "bert": {"pooler", "classifier"},
        "distilbert": {"pre_classifier", "classifier"},
        "roberta": {"classifier"},
        "modernbert": {"head", "classifier"},
        "deberta-v2": {"pooler", "classifier"},
    }.get(kind, set())
    found = sum(trained[name].numel() for name in updates)
    head = 16 * (16 + 2) if kind in ENCODERS else 0
    counted = shape.trained_parameters - head
    assert found <= counted <= (1.5 if kind in FUSED else 1) * found
    assert shape.trained_parameters < shape.parameters == whole.parameters
    assert whole.trained_parameters == whole.parameters


@pytest.mark.parametrize("kind", ["bert", "modernbert", "qwen3", "t5-v1_1"])
def test_peft_reads_what_is_kept(tmp_path: Path, kind: str) -> None:
    folder = written(tmp_path / "base", kind)
    model = with_lora(folder)
    train(model)
    model.save(tmp_path / "kept")
    base = opened(folder)
    theirs = PeftModel.from_pretrained(base.network, tmp_path / "kept")
    assert theirs.peft_config["default"].base_model_name_or_path == "some/base"
    assert loss_of(base) == pytest.approx(loss_of(model), rel=1e-5)


@pytest.mark.parametrize("kind", ["bert", "qwen3", "t5", "bart"])
def test_activation_checkpointing_leaves_its_gradients(tmp_path: Path, kind: str) -> None:
    folder = written(tmp_path, kind)
    gradients = []
    for checkpointing in (False, True):
        model = with_lora(folder)
        loss = model.loss(activation_checkpointing=checkpointing)
        loss(collate(examples(model)), 1.0).backward()
        gradients.append(
            torch.cat([p.grad.flatten() for p in loss.parameters() if p.grad is not None])
        )
    assert len(gradients[0]) and gradients[0].norm() > 0
    torch.testing.assert_close(gradients[0], gradients[1])


def test_the_same_seed_makes_the_same_and_the_same_files(tmp_path: Path) -> None:
    folder = written(tmp_path / "base", "bert")
    for name in ("a", "b"):
        with_lora(folder).save(tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_some_layers_alone(tmp_path: Path) -> None:
    folder = written(tmp_path, "qwen3")
    model = with_lora(folder, Lora(r=3, alpha=6, target_modules=("q_proj", "v_proj")))
    changed = {
        name.split(".lora_")[0].rsplit(".", 1)[-1]
        for name, parameter in model.network.named_parameters()
        if parameter.requires_grad
    }
    assert changed == {"q_proj", "v_proj"}


@pytest.mark.parametrize("target", ["query", "lm_head"])
def test_a_target_that_is_none(tmp_path: Path, target: str) -> None:
    folder = written(tmp_path, "qwen3")
    message = rf"^lora_target_modules: found '{target}'; linear layers of this Qwen3ForCausalLM are .*q_proj"
    with pytest.raises(UserError, match=message):
        with_lora(folder, Lora(r=3, alpha=6, target_modules=(target,)))


def test_a_lora_of_another_model(tmp_path: Path) -> None:
    with_lora(written(tmp_path / "bert", "bert")).save(tmp_path / "kept")
    other = opened(written(tmp_path / "modernbert", "modernbert"))
    with pytest.raises(UserError, match="cannot be loaded as a LoRA of this model"):
        merge_adapter(other.network, tmp_path / "kept")


def test_names_say_it_as_people_type_it() -> None:
    named = ModelName.of("org/m[lora_r=8;lora_target_modules=v_proj, q_proj;dtype=bfloat16]")
    assert named.settings.lora == Lora(8, 16, 0.0, ("q_proj", "v_proj"))
    assert ModelName.of("org/m").settings.lora is None
    full = ModelName.of("m[lora_r=8;lora_alpha=4;lora_dropout=0.1]").settings.lora
    assert full == Lora(8, 4, 0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("lora_alpha=8", "a LoRA has a rank; give lora_r as well"),
        ("lora_r=0", "lora_r: found '0'"),
        ("dtype=float16", "dtype: found 'float16'; input should be 'float32' or 'bfloat16'"),
        ("attn_implementation=kernels-community/x", "attn_implementation: found"),
    ],
)
def test_a_setting_that_is_none(settings: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ModelName.of(f"m[{settings}]")
