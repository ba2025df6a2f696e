"""Weights of any model of transformers: read from a checkpoint folder, checked, and written."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoConfig
from transformers.utils import logging as transformers_logging

from raydoa.errors import UserError
from raydoa.models.broken_files import read_as
from raydoa.models.family import Opening
from raydoa.training.tensor_file import full_disk_is_os_error

# A sweep loads hundreds of models, and tells of its progress itself.
transformers_logging.disable_progress_bar()

WEIGHTS_FILE = "model.safetensors"


def load_network(
    auto_class: Any,
    what: str,
    folder: Path,
    how: Opening,
    *,
    whole: bool = False,
    **settings: Any,
) -> Any:
    """The network of a checkpoint, with a head of random weights where it has none.

    Args:
        auto_class: of transformers, such as `AutoModelForSequenceClassification`.
        what: the checkpoint is read as, for errors.
        folder: of the checkpoint.
        how: it is opened; its dropout stands in the place of each that its configuration has.
        whole: it has to have its head.
        settings: of its configuration, that the checkpoint's do not decide.

    Raises:
        UserError: its files are broken, or lack weights other than those of a head that may be missing.
    """
    with read_as(what, folder), torch.random.fork_rng(devices=[]):
        torch.manual_seed(how.seed)
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        for name, value in {**_with_dropout(config, how.dropout), **settings}.items():
            setattr(config, name, value)
        network, loading = auto_class.from_pretrained(
            folder,
            config=config,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **weights_as(how),
        )
    body = f"{network.base_model_prefix}."
    # A masked language model has no pooler, which is a part of the head for those who have one.
    lacking = (
        name
        for name in loading["missing_keys"]
        if whole or (name.startswith(body) and not name.startswith(f"{body}pooler."))
    )
    refuse_lacking(lacking, folder)
    return network


def weights_as(how: Opening) -> dict[str, Any]:
    """What `from_pretrained` is told of how weights are held and attention is computed."""
    chosen = {"attn_implementation": how.attn_implementation} if how.attn_implementation else {}
    return {
        "dtype": getattr(torch, how.precision),
        "device_map": "auto" if how.spread else None,
        **chosen,
    }


def random_network(auto_class: Any, config: str, **settings: Any) -> Any:
    """A network of that `config.json` with random weights, in torch's default number format."""
    values = json.loads(config)
    made = AutoConfig.for_model(values.pop("model_type"), **values)
    for name, value in settings.items():
        setattr(made, name, value)
    return auto_class.from_config(made, dtype=torch.get_default_dtype())


def refuse_lacking(names: Iterable[str], folder: Path) -> None:
    """Raises `UserError`: there are tensors that a checkpoint's weights lack."""
    lacking = sorted(names)
    if lacking:
        # transformers fills them with random numbers and only warns.
        raise UserError(
            f"{folder}: its weights lack {len(lacking)} tensors of its config, such as {lacking[0]}; "
            "save the model again"
        )


def _with_dropout(config: Any, dropout: float) -> dict[str, float]:
    """Every kind of model has names of its own for it."""
    return {
        name: dropout
        for name, value in config.to_dict().items()
        if ("dropout" in name or name.endswith(("_pdrop", "_drop")))
        and isinstance(value, int | float)
        and not isinstance(value, bool)
    }


def save_network(
    network: Any, folder: Path, state: Mapping[str, torch.Tensor] | None, **changes: Any
) -> None:
    """Write config.json, with ``changes``, and the weights; ``state`` replaces the network's own.

    Of a network with a LoRA, that alone is written: its base is a checkpoint elsewhere.

    Raises:
        OSError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = state if state is not None else network.state_dict()
    if hasattr(network, "peft_config"):
        # peft takes seconds to import, and most models are trained whole.
        from raydoa.models.adapter import save_adapter

        save_adapter(network, folder, weights)
        return
    # What is tied has several names and is kept under one. `save_pretrained` would write the same files, but imports
    # DeepSpeed before (2 s of a process's first save), to see whether the model is wrapped in it.
    tied = set(network.all_tied_weights_keys)
    kept: dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        if name not in tied:
            kept[name] = tensor.detach().cpu().contiguous()
    with full_disk_is_os_error():
        save_file(kept, folder / WEIGHTS_FILE, metadata={"format": "pt"})
        network.config.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["architectures"] = [type(network).__name__]
    config["dtype"] = str(next(iter(kept.values())).dtype).removeprefix("torch.")
    config |= changes
    path.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
