"""A model's name with how it is begun, in brackets: ``NAME[layers=0,5;kind=encoder]``.

Names stand in flags, axes and rows, so two beginnings of one checkpoint are two models, and can be compared. Settings are
separated by semicolons; a value may have commas.
"""

import re
from functools import cache
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from raydoa.errors import UserError
from raydoa.models import FAMILIES
from raydoa.models.lora import Lora
from raydoa.settings import Settings, parse
from raydoa.training.recipe import Precision

_NAME = re.compile(r"(?P<base>[^\[\]]+)(\[(?P<settings>[^\[\]]*)\])?")
Attention: TypeAlias = Literal[
    "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"
]
"""Those that transformers has itself; it would fetch and run others."""
_Module = Annotated[str, Field(pattern=r"^[\w.]+$")]
_Layer = Annotated[int, Field(ge=0)]


class ModelSettings(Settings):
    """How a checkpoint is begun; the names are those of transformers and TRL."""

    layers: tuple[_Layer, ...] = ()
    """Layers that are kept, counted from 0; all of them unless given."""
    kind: str | None = None
    """The family that it is opened as, where it could be another."""
    model_revision: str | None = None
    """Branch, tag or commit on the hub; main unless given."""
    dtype: Precision | None = None
    """Number format that it is trained and labels in; its recipe's precision unless given."""
    attn_implementation: Attention | None = None
    """How transformers computes attention; its own choice unless given."""
    lora_r: int | None = Field(default=None, ge=1, le=1024)
    """Rank of a LoRA, which is trained instead of the checkpoint's weights."""
    lora_alpha: int | None = Field(default=None, ge=1)
    """The LoRA is scaled by lora_alpha / lora_r; twice lora_r unless given."""
    lora_dropout: float | None = Field(default=None, ge=0, lt=1)
    """Dropout of the LoRA's inputs; none unless given."""
    lora_target_modules: tuple[_Module, ...] = ()
    """Layers that get a LoRA; all linear ones but the head unless given."""

    @property
    def lora(self) -> Lora | None:
        """The LoRA that it is trained with."""
        if self.lora_r is None:
            return None
        alpha = 2 * self.lora_r if self.lora_alpha is None else self.lora_alpha
        targets = tuple(sorted(self.lora_target_modules))
        return Lora(self.lora_r, alpha, self.lora_dropout or 0.0, targets)

    @field_validator("layers", "lora_target_modules", mode="before")
    @classmethod
    def _separated(cls, text: object) -> object:
        return tuple(part.strip() for part in text.split(",")) if isinstance(text, str) else text

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

    @model_validator(mode="after")
    def _of_a_lora(self) -> Self:
        others = (self.lora_alpha, self.lora_dropout, self.lora_target_modules or None)
        if self.lora_r is None and others != (None, None, None):
            raise ValueError("a LoRA has a rank; give lora_r as well")
        return self


class ModelName(Settings):
    """A name, taken apart."""

    text: str
    base: str
    settings: ModelSettings = ModelSettings()

    @classmethod
    @cache
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
