"""Models by name, by `config.json` and by folder: which family one is of, and how large it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.models import FAMILIES
from raydoa.models.family import Family, ModelShape
from raydoa.models.hub import read_config
from raydoa.models.layer_subset import config_with_layers
from raydoa.models.naming import ModelSettings


def family_of(config: Mapping[str, Any], where: str) -> Family:
    """The family of a checkpoint with this `config.json`. Raises `UserError`: no family takes it."""
    for family in FAMILIES:
        if family.takes(config):
            return family
    kind = config.get("model_type")
    raise UserError(
        f"{where}: model_type is {kind!r}; checkpoints of {', '.join(FAMILIES.names())} can be teachers or "
        "students"
    )


def family_at(folder: Path, kind: str | None = None) -> Family:
    """The family of the checkpoint in a folder, or that called ``kind``. Raises `UserError`: there is none, or no family takes it."""
    if kind is not None:
        return FAMILIES.get(kind)
    return family_of(read_config(folder), str(folder / "config.json"))


def shape_at(folder: Path, settings: ModelSettings | None = None) -> ModelShape:
    """The size of the checkpoint in a folder, begun so. Raises `UserError`: there is none, or no family takes it."""
    config, where = read_config(folder), str(folder / "config.json")
    settings = settings or ModelSettings()
    family = family_at(folder, settings.kind)
    if settings.layers:
        config = config_with_layers(config, settings.layers, where)
    shape = family.shape(config, where)
    return shape if settings.lora is None else family.with_lora(shape, settings.lora)


def known_shapes() -> dict[str, ModelShape]:
    """Models whose size is known by their name alone."""
    return {name: shape for family in FAMILIES for name, shape in family.shapes.items()}


def known_checkpoints() -> dict[str, ModelShape]:
    """Those of them that are pretrained elsewhere."""
    return {name: shape for name, shape in known_shapes().items() if name not in own_models()}


def own_models() -> dict[str, Family]:
    """Families by the name of each model that raydoa builds itself."""
    return {name: family for family in FAMILIES for name in family.own}
