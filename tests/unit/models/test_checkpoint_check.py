"""Checkpoints that are broken in the ways that people break them: one line in the dry run, from headers alone."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    T5EncoderModel,
)

from raydoa.models.checkpoint_check import check_checkpoint
from raydoa.models.hub import folder_fingerprint
from tests.unit.models.broken import WEIGHTS, as_torch, described, said


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
