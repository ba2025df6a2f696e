"""A model's name with how it is begun, in brackets: ``NAME[layers=0,5;kind=encoder]``.

Names stand in flags, axes and rows, so two beginnings of one checkpoint are two models, and can be compared. Settings are
separated by semicolons; a value may have commas.
"""

import re
from typing import Annotated, Self

from pydantic import Field, field_validator

from raydoa.errors import UserError
from raydoa.models import FAMILIES
from raydoa.settings import Settings, parse

_NAME = re.compile(r"(?P<base>[^\[\]]+)(\[(?P<settings>[^\[\]]*)\])?")
_Layer = Annotated[int, Field(ge=0)]


class ModelSettings(Settings):
    """How a checkpoint is begun; the names are those of transformers and TRL."""

    layers: tuple[_Layer, ...] = ()
    """Layers that are kept, counted from 0; all of them unless given."""
    kind: str | None = None
    """The family that it is opened as, where it could be another."""
    model_revision: str | None = None
    """Branch, tag or commit on the hub; main unless given."""

    @field_validator("layers", mode="before")
    @classmethod
    def _numbers(cls, text: object) -> object:
        return tuple(text.split(",")) if isinstance(text, str) else text

    @field_validator("layers")
    @classmethod
    def _rising(cls, layers: tuple[int, ...]) -> tuple[int, ...]:
        if list(layers) != sorted(set(layers)):
            raise ValueError("layers rise, and none is there twice")
        return layers

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str | None) -> str | None:
        if kind is not None and kind not in FAMILIES:
            raise ValueError(f"known are {', '.join(FAMILIES.names())}")
        return kind


class ModelName(Settings):
    """A name, taken apart."""

    text: str
    base: str
    settings: ModelSettings = ModelSettings()

    @classmethod
    def of(cls, text: str) -> Self:
        """Take a name apart. Raises `UserError`: a bracket is not closed, or a setting is none."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise UserError(f"model {text!r}: expected NAME or NAME[setting=value;setting=value]")
        values: dict[str, str] = {}
        for setting in filter(None, (match["settings"] or "").split(";")):
            name, equals, value = (part.strip() for part in setting.partition("="))
            if not equals or name in values:
                raise UserError(
                    f"model {text!r}: found {setting!r}; expected each setting once, as setting=value"
                )
            values[name] = value
        settings = parse(values, ModelSettings, where=f"model {text}")
        return cls(text=text, base=match["base"], settings=settings)
