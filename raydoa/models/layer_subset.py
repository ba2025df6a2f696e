"""Some layers of a checkpoint as a checkpoint of its own, to begin a small student with.

The usual beginning of a compact model is every second layer of a larger one, or its first and last (as DistilBERT, arXiv
1910.01108). Layers are found by what transformers calls them, a list in a module's path; everything else (embeddings,
norms, heads) is kept as it is.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.models.hub import DESCRIPTION, read_config
from raydoa.models.weight_files import weight_files

_COUNTS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers")
"""What `config.json` calls the number of layers."""
_LISTS = ("layer_types", "no_rope_layers", "attention_layers", "mlp_layer_types")
"""Lists of it with an entry for each layer."""
_LAYER = re.compile(r"(?:^|(?<=\.))(?P<list>layer|layers|h|blocks)\.(?P<number>\d+)\.")


def config_with_layers(
    config: Mapping[str, Any], layers: Sequence[int], where: str
) -> dict[str, Any]:
    """A `config.json` with these ``layers`` alone.

    Raises:
        UserError: the model has fewer, or more than one list of layers; ``where`` names it.
    """
    name = next((name for name in _COUNTS if isinstance(config.get(name), int)), None)
    if name is None or "num_decoder_layers" in config or "decoder_layers" in config:
        raise UserError(
            f"{where}: layers can be chosen of an encoder or a decoder, and this is neither"
        )
    count = int(config[name])
    if layers[-1] >= count:
        raise UserError(f"{where}: layer {layers[-1]} was chosen; it has layers 0 to {count - 1}")
    chosen = {**config, name: len(layers)}
    for listed in _LISTS:
        if isinstance(config.get(listed), list) and len(config[listed]) == count:
            chosen[listed] = [config[listed][layer] for layer in layers]
    return chosen


def write_layers(source: Path, layers: Sequence[int], folder: Path) -> None:
    """Write those layers of the checkpoint in ``source`` into ``folder``, its tokenizer beside them.

    Raises:
        UserError: it does not have them, or its weights cannot be read.
        OSError: the disk is full.
    """
    from safetensors.torch import save_file

    from raydoa.training.tensor_file import full_disk_is_os_error

    config = config_with_layers(read_config(source), layers, str(source / "config.json"))
    places = {layer: place for place, layer in enumerate(layers)}
    kept = {}
    for name, tensor in _weights(source).items():
        match = _LAYER.search(name)
        if match is None:
            kept[name] = tensor
        elif int(match["number"]) in places:
            start, stop = match.span("number")
            kept[f"{name[:start]}{places[int(match['number'])]}{name[stop:]}"] = tensor
    _copy_description(source, folder)
    with full_disk_is_os_error():
        save_file(
            {name: tensor.clone().contiguous() for name, tensor in kept.items()},
            folder / "model.safetensors",
            metadata={"format": "pt"},
        )
    (folder / "config.json").write_text(
        json.dumps(config, indent=2, sort_keys=True), encoding="utf-8"
    )


def _copy_description(source: Path, folder: Path) -> None:
    for pattern in DESCRIPTION:
        for path in source.glob(pattern):
            if not path.name.endswith((".index.json", ".jinja")):
                shutil.copyfile(path, folder / path.name)
    template = source / "chat_template.jinja"
    if template.is_file():
        # An artifact holds no files that are programs; a tokenizer's settings may hold the template as well.
        path = folder / "tokenizer_config.json"
        settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        settings["chat_template"] = template.read_text(encoding="utf-8")
        path.write_text(json.dumps(settings, indent=2), encoding="utf-8")


def _weights(folder: Path) -> dict[str, Any]:
    """All tensors of a checkpoint."""
    import torch
    from safetensors.torch import load_file

    from raydoa.models.broken_files import read_as

    weights: dict[str, Any] = {}
    with read_as("a checkpoint", folder):
        for path in weight_files(folder):
            if path.suffix == ".safetensors":
                weights |= load_file(path)
            else:
                weights |= torch.load(path, map_location="cpu", weights_only=True)
    return weights
