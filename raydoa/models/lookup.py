"""Models by name, by `config.json` and by folder: which family one is of, and how large it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.models import FAMILIES
from raydoa.models.family import Family, ModelShape
from raydoa.models.hub import read_config


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


def family_at(folder: Path) -> Family:
    """The family of the checkpoint in a folder. Raises `UserError`: there is none, or no family takes it."""
    return family_of(read_config(folder), str(folder / "config.json"))


def shape_at(folder: Path) -> ModelShape:
    """The size of the checkpoint in a folder. Raises `UserError`: there is none, or no family takes it."""
    config, where = read_config(folder), str(folder / "config.json")
    return family_of(config, where).shape(config, where)


def known_shapes() -> dict[str, ModelShape]:
    """Checkpoints whose size is known by their name alone."""
    return {name: shape for family in FAMILIES for name, shape in family.shapes.items()}


def own_models() -> dict[str, Family]:
    """Families by the name of each model that raydoa builds itself."""
    return {name: family for family in FAMILIES for name in family.own}
