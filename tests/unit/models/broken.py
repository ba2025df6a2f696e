"""Ways to break a checkpoint, and the one line that it is refused with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from raydoa.errors import UserError
from raydoa.models.checkpoint_check import check_checkpoint

Break = Callable[[Path], object]
WEIGHTS = "model.safetensors"


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
