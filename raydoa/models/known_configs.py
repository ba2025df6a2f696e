"""Configurations of models that people name, so that these can be priced where no hub is reached.

Each is a file in the folder `known`, named as the model with `--` for the slash: the fields of its `config.json` that its
size follows from, and two of our own. `_source` says where they were read. `_family` is the family that takes it: tables
of transformers know it else, whose import takes longer than a plan may.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "known"


@dataclass(frozen=True)
class KnownConfig:
    """A shipped `config.json`.

    Attributes:
        family: the name of the family that takes it.
        config: its fields.
        where: its file, for errors.
        source: where the fields were read.
    """

    family: str
    config: Mapping[str, Any]
    where: str
    source: str


@cache
def configured_names() -> tuple[str, ...]:
    """Models whose configuration is shipped."""
    return tuple(sorted(path.stem.replace("--", "/", 1) for path in _FOLDER.glob("*.json")))


@cache
def known_config(name: str) -> KnownConfig | None:
    """The configuration of the model called ``name``; None: it is not shipped."""
    if name not in configured_names():
        return None
    path = _FOLDER / f"{name.replace('/', '--', 1)}.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    return KnownConfig(config.pop("_family"), config, str(path), config.pop("_source"))
