"""Checkpoints that are broken in the ways that people break them: one line in the dry run, from headers alone."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5EncoderModel,
    T5ForConditionalGeneration,
)

from raydoa.errors import UserError
from raydoa.models.checkpoint_check import check_checkpoint
from raydoa.models.hub import folder_fingerprint
from raydoa.models.token_count import token_count
from raydoa.models.weight_files import parameters_in
from tests.unit.checkpoints import write_checkpoint
from tests.unit.encoders import write_encoder

Break = Callable[[Path], object]
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Whole ones, for copies to be damaged."""
    place = tmp_path_factory.mktemp("whole")
    return {
        "t5": write_checkpoint(place / "t5", tokenizer_json=True),
        "spiece": write_checkpoint(place / "spiece"),
        "bert": write_encoder(place / "bert"),
    }


@pytest.fixture
def copy(models: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(models[name], tmp_path / name))


def said(folder: Path, **options: bool) -> str:
    """The one line of the refusal, which names the folder."""
    with pytest.raises(UserError) as caught:
        check_checkpoint(folder, **options)
    line = str(caught.value)
    assert str(folder) in line and "\n" not in line
    return line


def described(folder: Path, name: str = "config.json", **fields: object) -> None:
    path = folder / name
    old = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**old, **fields}))


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def as_torch(folder: Path, **options: Any) -> Path:
    path = folder / "pytorch_model.bin"
    torch.save(load_file(folder / WEIGHTS), path, **options)
    (folder / WEIGHTS).unlink()
    return path


def in_shards(folder: Path) -> list[str]:
    """The weights in two files and an index, as a large model has them."""
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    of_tensors = {name: names[index % 2] for index, name in enumerate(sorted(tensors))}
    for shard in names:
        save_file(
            {n: tensors[n] for n, part in of_tensors.items() if part == shard}, folder / shard
        )
    described(folder, f"{WEIGHTS}.index.json", metadata={}, weight_map=of_tensors)
    return names


def test_whole_ones_pass(copy: Callable[[str], Path]) -> None:
    for name in ("t5", "spiece", "bert"):
        check_checkpoint(copy(name))


def test_of_an_encoder_with_sentence_transformers_the_root_is_looked_at(
    copy: Callable[[str], Path],
) -> None:
    folder = copy("bert")
    (folder / "modules.json").write_text(
        '[{"idx": 0, "path": ""}, {"idx": 1, "path": "1_Pooling"}]'
    )
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text("{}")
    check_checkpoint(folder)


def test_empty_and_truncated_weights(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    size = (folder / WEIGHTS).stat().st_size
    cut(folder / WEIGHTS, size - 100)
    assert (
        f"truncated or damaged: it has {size - 100:,} bytes, and its header says {size:,}"
        in said(folder)
    )
    cut(folder / WEIGHTS, 50)
    assert "the header of its 50 bytes cannot be read" in said(folder)
    cut(folder / WEIGHTS, 0)
    assert f"{WEIGHTS}: empty (0 bytes); copy or save the model again" in said(folder)


def test_weights_with_more_bytes_than_the_header_says(copy: Callable[[str], Path]) -> None:
    path = copy("bert") / WEIGHTS
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + bytes(64))
    assert f"it has {size + 64:,} bytes, and its header says {size:,}" in said(path.parent)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b"{}",
        b'{"a": 3}',
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, Infinity]}}',
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": ["x", "y"]}}',
        b'{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}',
    ],
    ids=["deep", "nothing", "no tensor", "endless", "no place", "no shape"],
)  # fmt: skip
def test_headers_that_say_nothing(copy: Callable[[str], Path], header: bytes) -> None:
    path = copy("bert") / WEIGHTS
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    expected = "hold no tensor" if header == b"{}" else "truncated or damaged"
    assert expected in said(path.parent)


def test_a_pointer_of_git_lfs_is_no_weights(copy: Callable[[str], Path]) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    folder = copy("bert")
    (folder / WEIGHTS).write_bytes(pointer)
    assert "a pointer of Git LFS, and not the weights; run git lfs pull" in said(folder)
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
    assert "pytorch_model.bin: a pointer of Git LFS" in said(folder)


@given(share=st.floats(0, 1, exclude_max=True))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_weights_that_are_cut_anywhere_are_told_in_a_line(
    models: dict[str, Path], tmp_path: Path, share: float
) -> None:
    content = (models["t5"] / WEIGHTS).read_bytes()
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((models["t5"] / name).read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    for end in (header, len(content)):  # A header is a small part of a file.
        (tmp_path / WEIGHTS).write_bytes(content[: int(share * end)])
        line = said(tmp_path)
        assert WEIGHTS in line and "copy or save the model again" in line


def test_shards(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    first, second = in_shards(folder)
    check_checkpoint(folder)
    content = (folder / second).read_bytes()
    cut(folder / second, 100)
    assert f"{second}: truncated or damaged" in said(folder)
    (folder / second).unlink()
    line = said(folder)
    assert (
        f"{second}: no such file, and the index of the shards names it (1 of 2 are missing)" in line
    )
    (folder / second).write_bytes(content)
    for weight_map in ({}, ["x"], {"a": 3}, {"a": f"../{folder.name}/{first}"}):
        described(folder, f"{WEIGHTS}.index.json", weight_map=weight_map)
        assert "index.json: weight_map: expected the file of each tensor" in said(folder)
    (folder / f"{WEIGHTS}.index.json").write_text("{")
    assert "index.json: not JSON" in said(folder)


def test_of_the_hub_only_what_is_here_is_looked_at(copy: Callable[[str], Path]) -> None:
    """Of a model that is not downloaded, the cache may have the descriptions, those in its subfolders too."""
    folder = copy("t5")
    first, second = in_shards(folder)
    (folder / "checkpoint-7").mkdir()
    described(folder, "adapter_config.json", base_model_name_or_path="x")
    (folder / second).unlink()
    check_checkpoint(folder, whole=False)
    cut(folder / first, 100)
    assert f"{first}: truncated or damaged" in said(folder, whole=False)
    (folder / first).unlink()
    check_checkpoint(folder, whole=False)
    described(folder, vocab_size=30)
    assert "its embedding has 30 rows" in said(folder, whole=False)
    (folder / "config.json").unlink()
    assert "a LoRA adapter of x" in said(folder, whole=False)


@pytest.mark.parametrize("legacy", [False, True], ids=["archive", "pickle"])
def test_weights_of_torch(copy: Callable[[str], Path], legacy: bool) -> None:
    folder = copy("bert")
    path = as_torch(folder, _use_new_zipfile_serialization=not legacy)
    check_checkpoint(folder)
    if not legacy:
        cut(path, path.stat().st_size - 100)
        assert "pytorch_model.bin: truncated: it has " in said(folder)
    path.write_bytes(b"junk")
    assert "neither an archive nor a pickle, as torch.save writes them" in said(folder)
    path.write_bytes(b"")
    assert "pytorch_model.bin: empty (0 bytes); copy the model again" in said(folder)


def test_weights_under_other_names(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    (folder / WEIGHTS).rename(folder / "weights.safetensors")
    assert "found weights.safetensors, and neither model.safetensors nor" in said(folder)


def test_the_encoder_of_a_t5_alone(copy: Callable[[str], Path]) -> None:
    folder = copy("t5")
    T5EncoderModel.from_pretrained(folder).save_pretrained(folder)
    assert "the encoder of a T5 alone: its weights have no decoder" in said(folder)
    described(folder, architectures=["T5ForConditionalGeneration"])
    assert "the encoder of a T5 alone" in said(folder)
    as_torch(folder)
    check_checkpoint(folder)  # Nothing tells without opening it.
    described(folder, architectures=["T5EncoderModel"])
    assert "the encoder of a T5 alone" in said(folder)


@pytest.mark.parametrize("name", ["t5", "spiece", "bert"])
def test_fewer_embeddings_than_tokens(copy: Callable[[str], Path], name: str) -> None:
    folder = copy(name)
    tokens = token_count(folder)
    assert tokens is not None
    kind = AutoModelForMaskedLM if name == "bert" else T5ForConditionalGeneration
    model = kind.from_pretrained(folder)
    model.resize_token_embeddings(tokens - 1)
    model.save_pretrained(folder)
    expected = f"its embedding has {tokens - 1} rows and its tokenizer {tokens} tokens: resize the embeddings or give"
    assert expected in said(folder)
    as_torch(folder)
    assert expected in said(folder)
    described(folder, vocab_size=tokens)
    check_checkpoint(folder)


def test_tokens_that_were_added(copy: Callable[[str], Path]) -> None:
    """As `add_tokens` and `save_pretrained` leave it, where `resize_token_embeddings` was forgotten."""
    from transformers import AutoTokenizer

    folder = copy("bert")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    check_checkpoint(folder)  # No text becomes a picture.
    tokenizer.add_tokens(["<|user|>"])
    tokenizer.save_pretrained(folder)
    assert f"its embedding has {rows} rows and its tokenizer {rows + 2} tokens" in said(folder)


def test_tokens_of_slow_tokenizers(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    (folder / "tokenizer.json").unlink()
    assert token_count(folder) is None
    (folder / "vocab.txt").write_text("\n".join(map(str, range(40))))
    assert token_count(folder) == 40
    (folder / "added_tokens.json").write_text('{"[MASK]": 600, "<|user|>": 500}')
    assert "its tokenizer 501 tokens" in said(folder)
    (folder / "spiece.model").write_bytes(b"junk")
    assert "spiece.model: not a sentencepiece model" in said(folder)


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        ('{"added_tokens": [], "model": {"type": "Odd"}}', None),
        ('{"model": []}', None),
        ('{"added_tokens": [3, {"content": []}], "model": {"vocab": {"a": 0, "b": "x", "c": true}}}', 1),
        ('{"model": {"vocab": [["a", 0.0], ["b", 0.0]]}, "added_tokens": [{"id": 5, "content": "x"}]}', 6),
    ],
    ids=["odd", "no model", "odd ids", "unigram"],
)  # fmt: skip
def test_odd_tokenizers_are_told_by_whoever_opens_them(
    tmp_path: Path, content: str, tokens: int | None
) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    assert token_count(tmp_path) == tokens


def test_a_tokenizer_that_is_no_json(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    cut(folder / "tokenizer.json", 500)
    assert "tokenizer.json: not JSON" in said(folder)


def test_the_output_of_a_trainer(copy: Callable[[str], Path]) -> None:
    model = copy("bert")
    output = model.parent / "output"
    for step in (500, 1000, 90):
        shutil.copytree(model, output / f"checkpoint-{step}")
    (output / "runs").mkdir()
    line = said(output)
    assert (
        f"the output of a Trainer, whose models are in folders of their own; name {output}/checkpoint-1000 "
        in line
    )
    assert "(the last of 3)" in line
    state = output / "checkpoint-1000" / "trainer_state.json"
    state.write_text('{"best_model_checkpoint": "/there/output/checkpoint-500/"}')
    assert f"name {output}/checkpoint-500 (the best one, says trainer_state.json)" in said(output)
    described(output, "trainer_state.json", best_model_checkpoint="output\\checkpoint-90")
    assert f"name {output}/checkpoint-90 (the best one" in said(output)
    described(output, "trainer_state.json", best_model_checkpoint="output/checkpoint-3")
    state.write_text("{")
    assert f"name {output}/checkpoint-1000 (the last of 3)" in said(output)
    (output / "config.json").write_bytes((model / "config.json").read_bytes())
    assert "(the last of 3)" in said(output)
    (output / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes())
    check_checkpoint(output)  # `save_model` was called as well.


def test_a_lora_folder(tmp_path: Path) -> None:
    save_file(
        {"base_model.model.q.lora_A.weight": torch.zeros(2, 2)},
        tmp_path / "adapter_model.safetensors",
    )
    described(
        tmp_path, "adapter_config.json", peft_type="LORA", base_model_name_or_path="Qwen/Qwen3-0.6B"
    )
    line = said(tmp_path)
    assert (
        "a LoRA adapter of Qwen/Qwen3-0.6B, without its weights; merge them (merge_and_unload of peft"
        in line
    )
    assert line.endswith("or name its base: Qwen/Qwen3-0.6B")
    described(tmp_path, "adapter_config.json", base_model_name_or_path=None)
    assert said(tmp_path).endswith("or name its base")
    (tmp_path / "adapter_config.json").write_text("[")
    assert "adapter_config.json: not JSON" in said(tmp_path)


def test_a_trainers_adapters(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-5").mkdir()
    described(tmp_path / "checkpoint-5", "adapter_config.json", base_model_name_or_path="b")
    assert "checkpoint-5: a LoRA adapter of b" in said(tmp_path)


def test_code_is_not_trusted(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    described(folder, auto_map={"AutoModel": "odd.Odd"})
    check_checkpoint(folder)  # BERT is transformers' own.
    described(folder, model_type="odd")
    line = said(folder)
    assert (
        "transformers knows no model_type 'odd', and auto_map names code of the folder for it (odd.Odd)"
        in line
    )
    assert "raydoa runs no code of a model folder (trust_remote_code is refused)" in line
    described(folder, model_type=None)
    assert "no model_type None" in said(folder)
    described(folder, auto_map={"AutoTokenizer": ["odd.Odd", None]})
    check_checkpoint(folder)  # Told by the families, none of which takes it.


def test_what_cannot_be_read(copy: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy("bert")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert f"{folder}: cannot be read: " in said(folder)


def test_neither_torch_nor_weights_are_loaded(models: dict[str, Path]) -> None:
    code = (
        "import sys; from pathlib import Path; from raydoa.models.checkpoint_check import check_checkpoint\n"
        "for folder in sys.argv[1:]: check_checkpoint(Path(folder))\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    folders = [str(folder) for folder in models.values()]
    ran = subprocess.run(
        [sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("tied", [False, True])
def test_parameters_of_a_t5(tmp_path: Path, tied: bool) -> None:
    folder = write_checkpoint(tmp_path, untied=not tied)
    model = T5ForConditionalGeneration(T5Config.from_pretrained(folder))
    parameters = sum(each.numel() for each in model.parameters())
    parameters += 0 if tied else model.shared.weight.numel()  # It says of all that they are tied.
    assert parameters_in(folder) == parameters
    tensors = load_file(folder / WEIGHTS)
    copies = [f"{part}.embed_tokens.weight" for part in ("encoder", "decoder")]
    copies += ["lm_head.weight"] if tied else []
    save_file(
        {**tensors, **{name: tensors["shared.weight"].clone() for name in copies}}, folder / WEIGHTS
    )
    assert parameters_in(folder) == parameters
    in_shards(folder)
    assert parameters_in(folder) == parameters
    described(folder, quantization_config={"bits": 4})
    assert parameters_in(folder) is None


@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert"])
def test_parameters_of_encoders(tmp_path: Path, kind: str) -> None:
    folder = write_encoder(tmp_path, kind)
    model = AutoModelForMaskedLM.from_pretrained(folder)
    parameters = sum(each.numel() for each in model.parameters())
    assert parameters_in(folder) == parameters
    everything = {name: each.clone() for name, each in model.state_dict().items()}
    save_file({**everything, "x.position_ids": torch.arange(64)}, folder / WEIGHTS)
    assert parameters_in(folder) == parameters
    as_torch(folder)
    assert parameters_in(folder) is None


def test_buffers_are_no_parameters(tmp_path: Path) -> None:
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=8)
    )
    model.save_pretrained(tmp_path)
    masks = {
        "transformer.h.0.attn.bias": torch.ones(1, 1, 8, 8),
        "transformer.h.0.attn.masked_bias": torch.ones(1),
    }
    save_file({**load_file(tmp_path / WEIGHTS), **masks}, tmp_path / WEIGHTS)
    assert parameters_in(tmp_path) == sum(each.numel() for each in model.parameters())


def test_a_chats_template_belongs_to_the_model(copy: Callable[[str], Path]) -> None:
    import hashlib

    folder = copy("bert")
    digest = hashlib.sha256()
    described_by = {
        path for end in ("json", "model", "txt", "safetensors") for path in folder.glob(f"*.{end}")
    }
    for path in sorted(described_by):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    assert folder_fingerprint(folder) == digest.hexdigest()  # As before there were templates.
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert folder_fingerprint(folder) != digest.hexdigest()
