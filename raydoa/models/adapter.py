"""A LoRA in a model that is open: put in, kept, and merged.

The layers and the files are peft's (`PeftModel.from_pretrained` reads a folder of them on their base), put into the network
in place, so that whoever trains it, scores it or takes it apart sees the model that it was.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, LoraModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers.pytorch_utils import Conv1D

from raydoa.errors import UserError
from raydoa.models.broken_files import read_as
from raydoa.models.lora import Lora, is_called
from raydoa.training.tensor_file import full_disk_is_os_error

if TYPE_CHECKING:
    from raydoa.models.family import Model

_WEIGHTS_FILE, _CONFIG_FILE = "adapter_model.safetensors", "adapter_config.json"
_NAME = "default"
_PREFIX = "base_model.model."
"""Of a tensor's name, as `PeftModel` writes it."""


def add_adapter(
    model: "Model",
    lora: Lora,
    *,
    base: str,
    seed: int,
    dtype: torch.dtype,
    revision: str | None = None,
) -> None:
    """Freeze a model and put a LoRA into it, beside a head of its own where it has one.

    Args:
        model: is changed in place.
        lora: its rank and targets.
        base: what the checkpoint is called, for those who read the adapter with peft.
        seed: of the updates' first weights.
        dtype: of everything that is trained.
        revision: of the checkpoint on the hub.

    Raises:
        UserError: a target is no linear layer of the model, or is its output head.
    """
    network, heads = model.network, model.modules_to_save
    targets = _targets(network, lora.target_modules, heads)
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        # GPT-2 keeps its matrices the other way round.
        fan_in_fan_out=isinstance(network.get_submodule(targets[0]), Conv1D),
        modules_to_save=list(heads) or None,
        base_model_name_or_path=base,
        revision=revision,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        LoraModel(network, config, _NAME)
    for parameter in network.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)


def save_adapter(network: Any, folder: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write the LoRA that is in ``network``, and its head, from the ``state`` of the whole. Raises `OSError`: the disk is full."""
    trained = get_peft_model_state_dict(
        network, state_dict=dict(state), adapter_name=_NAME, save_embedding_layers=False
    )
    weights = {f"{_PREFIX}{name}": _whole(tensor) for name, tensor in trained.items()}
    config = {
        name: sorted(value) if isinstance(value, set) else value
        for name, value in network.peft_config[_NAME].to_dict().items()
    }
    with full_disk_is_os_error():
        save_file(weights, folder / _WEIGHTS_FILE, metadata={"format": "pt"})
    path = folder / _CONFIG_FILE
    path.write_text(json.dumps({**config, "inference_mode": True}, indent=2, sort_keys=True))


def merge_adapter(network: Any, folder: Path) -> None:
    """Add the LoRA in ``folder`` to the weights of its base, ``network``. Raises `UserError`: it is of another model."""
    with read_as("a LoRA of this model", folder):
        tuner = LoraModel(network, LoraConfig.from_pretrained(str(folder)), _NAME)
        weights = load_file(folder / _WEIGHTS_FILE)
        loaded: Any = set_peft_model_state_dict(
            network, {name.removeprefix(_PREFIX): tensor for name, tensor in weights.items()}, _NAME
        )
    if loaded.unexpected_keys:
        raise UserError(f"{folder}: a LoRA of another model: {loaded.unexpected_keys[0]}")
    with warnings.catch_warnings():
        # transformers writes of every T5 that its head is tied, and peft sees that it is not.
        warnings.filterwarnings("ignore", message="Input and output embeddings are no longer tied")
        tuner.merge_and_unload()


def _targets(network: Any, wanted: Sequence[str], heads: Sequence[str]) -> list[str]:
    """Full names of the layers that get an update."""
    output = network.get_output_embeddings()
    layers = [
        name
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D)
        and module is not output
        and not any(f"{name}.".startswith(f"{head}.") for head in heads)
    ]
    if not layers:
        raise UserError(
            f"a {type(network).__name__} has no linear layers that a LoRA could stand beside"
        )
    if not wanted:
        return layers
    for one in wanted:
        if not any(is_called(name, one) for name in layers):
            known = sorted({name.rsplit(".", 1)[-1] for name in layers})
            raise UserError(
                f"lora_target_modules: found {one!r}; linear layers of this {type(network).__name__} are "
                f"{', '.join(known)}"
            )
    return [name for name in layers if any(is_called(name, one) for one in wanted)]


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().cpu().contiguous().clone()
