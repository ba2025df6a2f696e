"""How models are trained (`Recipe`, part of a key) and with what means (`Execution`, which is not).

The global batch, the precision and the schedule decide the weights; the micro-batch, activation
checkpointing and the device only decide how long it takes and what it holds in memory.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from raydoa.settings import Settings

Precision = Literal["float32", "bfloat16"]
Kind = Literal["hidden", "sparse", "aligned", "classes", "text"]
"""Of a `Representation`."""


class Recipe(Settings):
    """A training with AdamW."""

    learning_rate: float = Field(gt=0)
    """AdamW's highest learning rate."""
    batch_size: int = Field(ge=1)
    """The global batch, in rows."""
    epochs: int = Field(ge=1)
    """Passes over the rows."""
    schedule: Literal["constant", "linear"] = "constant"
    """How the learning rate goes on after its warm-up; linear falls to 0."""
    warmup_fraction: float = Field(default=0.0, ge=0, le=1)
    """Fraction of the steps in which the learning rate rises."""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's weight decay."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are clipped to this norm."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability of dropout."""
    precision: Precision = "float32"
    """Number format of the forward and backward passes."""
    temperature: float = Field(default=2.0, gt=0)
    """Temperature of the divergence between student and teacher."""


class Mixing(Settings):
    """How a student learns from gold rows beside soft ones.

    In the order `mixed` all rows are shuffled together; in the others one kind comes after the other, each for its rows'
    share of the steps.
    """

    gold_weight: float = Field(default=1.0, gt=0)
    """What a gold token's cross-entropy counts for, against the divergence of a soft one."""
    gold_order: Literal["mixed", "gold_first", "gold_last"] = "mixed"
    """Whether gold rows come among the pseudo-labelled ones, before them or after them."""


class PretrainRecipe(Settings):
    """A span-corruption pretraining of ``steps`` steps (T5, arXiv 1910.10683)."""

    training: Recipe
    """Learning rate, batch and schedule."""
    steps: int = Field(ge=1)
    """Training steps."""
    length: int = Field(default=128, ge=4)
    """Tokens of a row."""
    corrupted_fraction: float = Field(default=0.15, gt=0, lt=1)
    """Fraction of the tokens that is masked."""
    mean_span: float = Field(default=3.0, ge=1)
    """Mean tokens of a masked span."""
    continued_fraction: float = Field(default=0.0, ge=0, le=1)
    """Fraction of the rows that are to be continued instead of filled in."""


class Representation(Settings):
    """What is kept of a teacher's distribution.

    `hidden` keeps the input of the output head in ``dtype``, from which every logit is recomputed;
    `sparse` keeps the ``top`` most likely tokens and, from the rest, as many draws as a measurement
    asks for; `text` keeps no distribution, only what was written, so the student may be of any family.
    `classes` keeps the log-probability of each of a task's classes; where teacher
    and student write no tokens of one vocabulary it is what is kept, and text where the task has no classes.
    `aligned` keeps what `hidden` does, for a student that writes tokens of another vocabulary: it learns the teacher's text,
    and from the distribution where tokens of both meet, over the tokens that both have.
    """

    kind: Kind = "hidden"
    """hidden is exact; sparse takes less room in large pools; aligned, classes and text need no vocabulary in common."""
    dtype: Precision = "bfloat16"
    """Number format of the hidden states."""
    top: int = Field(default=64, ge=1)
    """Most likely tokens that sparse keeps."""


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
    label_batch_size: int = 32
