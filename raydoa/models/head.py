"""The output head of a saved model, in a file of its own: all that is needed of a teacher to learn from its states."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from raydoa.training.tensor_file import full_disk_is_os_error

HEAD_FILE = "head.safetensors"


def save_head(head: torch.Tensor, folder: Path) -> None:
    """Write the head ``[outputs, width]``. Raises `OSError`: the disk is full."""
    with full_disk_is_os_error():
        save_file({"head": head.detach().cpu().contiguous().clone()}, folder / HEAD_FILE)


def load_head(folder: Path) -> torch.Tensor:
    """The head ``[outputs, width]``, without loading the body."""
    with safe_open(folder / HEAD_FILE, framework="pt") as file:
        (name,) = file.keys()
        head: torch.Tensor = file.get_tensor(name)
    return head
