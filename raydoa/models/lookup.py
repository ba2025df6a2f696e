"""Models by name, by `config.json` and by folder: which family one is of, and how large it is.

A name alone says how large a model is where a family knows it, or where its configuration is shipped.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.models import FAMILIES
from raydoa.models.family import Family
from raydoa.models.hub import read_config
from raydoa.models.known_configs import configured_names, known_config
from raydoa.models.layer_subset import config_with_layers
from raydoa.models.model_shape import ModelShape
from raydoa.models.naming import ModelName, ModelSettings


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
    settings = settings or ModelSettings()
    family = family_at(folder, settings.kind)
    return _shape(family, read_config(folder), settings, str(folder / "config.json"))


def known_shape(name: str) -> ModelShape | None:
    """The size of a model that is known by its name alone, with or without brackets; None: it is not.

    Raises:
        UserError: what is in brackets is wrong, or does not go with the model.
    """
    for family in FAMILIES:
        if name in family.shapes:
            return family.shapes[name]
    return _configured_shape(name)


@cache
def _configured_shape(name: str) -> ModelShape | None:
    named = ModelName.of(name)
    known = known_config(named.base)
    if known is None:
        return None
    family = FAMILIES.get(named.settings.kind or known.family)
    return _shape(family, known.config, named.settings, f"model {name}")


def _shape(
    family: Family, config: Mapping[str, Any], settings: ModelSettings, where: str
) -> ModelShape:
    if settings.layers:
        config = config_with_layers(config, settings.layers, where)
    shape = family.shape(config, where)
    return shape if settings.lora is None else family.with_lora(shape, settings.lora)


def known_names() -> tuple[str, ...]:
    """Models whose size is known by their name alone."""
    return (*(name for family in FAMILIES for name in family.shapes), *configured_names())


def known_checkpoints() -> dict[str, ModelShape]:
    """Sizes of those of them that are pretrained elsewhere."""
    sizes = {name: known_shape(name) for name in known_names() if name not in own_models()}
    return {name: shape for name, shape in sizes.items() if shape is not None}


def own_models() -> dict[str, Family]:
    """Families by the name of each model that raydoa builds itself."""
    return {name: family for family in FAMILIES for name in family.own}
