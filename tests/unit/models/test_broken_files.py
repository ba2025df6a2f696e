"""Model folders that are damaged, or of somebody who means harm: one line that names the file, and nothing is run."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from raydoa.errors import UserError
from raydoa.models.lookup import family_at, shape_at
from tests.unit.checkpoints import write_checkpoint

Break = Callable[[Path], object]


class Harm:
    """Code that is run when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.proof}",)


def torch_weights(save: Callable[[Path], object]) -> Break:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        save(folder / "pytorch_model.bin")

    return change


def config(**fields: object) -> Break:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


def text(name: str, content: str) -> Break:
    return lambda folder: (folder / name).write_text(content)


def harmful(path: Path) -> Harm:
    return Harm(path.parent / "harm")


CASES: dict[str, tuple[Break, str]] = {
    "harmful weights": (
        torch_weights(lambda path: torch.save(harmful(path), path)),
        r"pytorch_model\.bin is damaged, or holds code beside weights, which is not run; save",
    ),
    "harmful pickle": (
        torch_weights(lambda path: path.write_bytes(pickle.dumps(harmful(path)))),
        r"pytorch_model\.bin is damaged, or holds code",
    ),
    "junk weights": (
        torch_weights(lambda path: path.write_bytes(b"junk" * 99)),
        r"cannot be loaded as T5: one of its files is broken \(KeyError",
    ),
    "list of weights": (
        torch_weights(lambda path: torch.save([1, 2], path)),
        r"cannot be loaded as T5: one of its files is broken \(TypeError",
    ),
    "deep config": (text("config.json", "[" * 100_000), r"config\.json: not JSON \(maximum recur"),
    "no number": (config(d_model="x"), r"config\.json: Validation error for field 'd_model'"),
    "no positive number": (config(num_heads=-4), "cannot be loaded as T5: "),
    "huge": (config(vocab_size=10**30), "cannot be loaded as T5: "),
    "generation": (text("generation_config.json", "[]"), "cannot be loaded as T5: one of its files"),
    "tokenizer": (text("tokenizer.json", '{"version": "1.0"}'), r"\(tokenizer\.json\): "),
    "tokenizer list": (text("tokenizer.json", "[]"), r"\(tokenizer\.json\): one of its files"),
    "tokenizer deep": (text("tokenizer.json", "[" * 100_000), r"\(tokenizer\.json\): maximum rec"),
    "tokenizer model": (
        text("tokenizer.json", '{"added_tokens": [], "model": {"type": "Odd"}}'),
        r"\(tokenizer\.json\): one of its files is broken \(Exception: ",
    ),
    "settings": (text("tokenizer_config.json", "[]"), r"\(tokenizer\.json\): one of its files"),
    "tokenizer's code": (
        text(
            "tokenizer_config.json",
            '{"tokenizer_class": "Odd", "auto_map": {"AutoTokenizer": ["odd.Odd", "odd.Odd"]}}',
        ),
        "the tokenizer pads with id None",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("whole") / "model", tokenizer_json=True)


@pytest.mark.parametrize(("change", "told"), CASES.values(), ids=CASES)
def test_broken_files_are_told_in_a_line_and_run_nothing(
    whole: Path, tmp_path: Path, change: Break, told: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in whole.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "odd.py").write_text(f"open({str(folder / 'harm')!r}, 'w')\nclass Odd: pass\n")
    family_at(folder).open(folder)
    change(folder)
    with pytest.raises(UserError, match=told) as caught:
        family_at(folder).open(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    assert not (folder / "harm").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("d_model", "x"),
        ("num_heads", -4),
        ("d_kv", None),
        ("d_ff", 1.5),
        ("vocab_size", 10**30),
        ("num_layers", [1]),
        ("num_decoder_layers", {"a": 1}),
    ],
)
def test_a_dimension_that_is_none(whole: Path, tmp_path: Path, field: str, value: object) -> None:
    """Where a plan asks for a model's size, before anything is opened."""
    (tmp_path / "config.json").write_bytes((whole / "config.json").read_bytes())
    config(**{field: value})(tmp_path)
    with pytest.raises(UserError, match=r"config\.json: ") as caught:
        shape_at(tmp_path)
    assert "\n" not in str(caught.value)
    if field != "num_decoder_layers":
        assert f"config.json: {field}: found" in str(caught.value)
