"""How models are trained (`Recipe`, part of a key) and with what means (`Execution`, which is not).

The global batch, the precision and the schedule decide the weights; the micro-batch, activation
checkpointing and the device only decide how long it takes and what it holds in memory.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from raydoa.settings import Settings

Precision = Literal["float32", "bfloat16"]


class Recipe(Settings):
    """A training with AdamW. ``batch_size`` is the global batch, in rows."""

    learning_rate: float = Field(gt=0)
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    schedule: Literal["constant", "linear"] = "constant"
    warmup_fraction: float = Field(default=0.0, ge=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    precision: Precision = "float32"
    temperature: float = Field(default=2.0, gt=0)


class Mixing(Settings):
    """How a student learns from gold rows beside soft ones.

    ``gold_weight`` is what the cross-entropy of a gold token counts for, against the divergence of a soft one. In the
    order `mixed` all rows are shuffled together; in the others one kind comes after the other, each for its rows' share
    of the steps.
    """

    gold_weight: float = Field(default=1.0, gt=0)
    gold_order: Literal["mixed", "gold_first", "gold_last"] = "mixed"


class PretrainRecipe(Settings):
    """A span-corruption pretraining of ``steps`` steps (T5, arXiv 1910.10683)."""

    training: Recipe
    steps: int = Field(ge=1)
    length: int = Field(default=128, ge=4)
    corrupted_fraction: float = Field(default=0.15, gt=0, lt=1)
    mean_span: float = Field(default=3.0, ge=1)
    continued_fraction: float = Field(default=0.0, ge=0, le=1)


class Representation(Settings):
    """What is kept of a teacher's distribution.

    `hidden` keeps the input of the output head in ``dtype``, from which every logit is recomputed;
    `sparse` keeps the ``top`` most likely tokens and, from the rest, as many draws as a measurement
    asks for.
    """

    kind: Literal["hidden", "sparse"] = "hidden"
    dtype: Precision = "bfloat16"
    top: int = Field(default=64, ge=1)


@dataclass(frozen=True)
class Execution:
    """The means: nothing here changes a result beyond float rounding.

    ``checkpoint_every_steps`` is None where a training chooses itself (`raydoa.training.checkpoint_interval`).
    """

    device: str = "cpu"
    micro_batch_size: int | None = None
    activation_checkpointing: bool = False
    checkpoint_every_steps: int | None = None
    interruptions_per_node_hour: float = 0.05
    logits_chunk_tokens: int = 1024
    label_batch_size: int = 32
