"""Soft labels: what is kept of a teacher's distributions, and who may learn from them.

`hidden` keeps the input of the teacher's output head at each target token; with the head (kept
once, with the teacher) every logit comes back, so nothing is lost at any temperature. `sparse`
keeps a few tokens with weights that stand for the whole distribution at one temperature (see
`raydoa.training.sparse`). `classes` are log-probabilities of the few classes of a task, which teacher and student of any
kind can have. `aligned` keeps what `hidden` does, for students of another tokenizer, who read of it what they can use.

They are written in shards (`raydoa.training.shards`) with who wrote them over which vocabulary; a student with another
vocabulary is refused, unless they are aligned. Labels without a distribution are text, which any student can learn.
"""

from dataclasses import dataclass
from typing import TypeAlias

import torch

from raydoa.errors import UserError


@dataclass(frozen=True)
class HiddenLabels:
    """Inputs of the teacher's head at the target tokens of a row, ``[tokens, width]``."""

    states: torch.Tensor


@dataclass(frozen=True)
class SparseLabels:
    """A sampled distribution per target token of a row.

    Attributes:
        tokens: token ids ``[tokens, kept]``.
        weights: their weights ``[tokens, kept]``, which sum to 1; unused places weigh 0.
        entropy: of the teacher's full distribution ``[tokens]``, in nats.
        temperature: at which all this holds.
    """

    tokens: torch.Tensor
    weights: torch.Tensor
    entropy: torch.Tensor
    temperature: float


@dataclass(frozen=True)
class ClassLabels:
    """Log-probabilities of a task's classes at the target positions of a row, ``[positions, classes]``."""

    log_probs: torch.Tensor


@dataclass(frozen=True)
class AlignedLabels:
    """Inputs of the teacher's head where a token of the student's meets one of the teacher's.

    Attributes:
        states: of those positions ``[aligned, width]``.
        places: the positions in the target ``[aligned]``, rising.
        first: which of them have the table of a text's first token ``[aligned]`` (`SharedTokens.first`).
    """

    states: torch.Tensor
    places: torch.Tensor
    first: torch.Tensor


@dataclass(frozen=True)
class SharedTokens:
    """Ids of tokens that teacher and student both have: pairs ``[shared, 2]`` of the teacher's id and the student's.

    ``first`` are those of the first token of a text, where they are others; None: they are not.
    """

    inside: torch.Tensor
    first: torch.Tensor | None = None


@dataclass(frozen=True)
class WrittenLabels:
    """No distribution: the target's tokens are what a label source wrote, and are learnt as they are."""


SoftLabels: TypeAlias = HiddenLabels | SparseLabels | ClassLabels | AlignedLabels | WrittenLabels


@dataclass(frozen=True)
class Generated:
    """What a model writes for a row.

    Attributes:
        row_id: the row's.
        target_ids: the likeliest target; of tokens, its end included.
        states: the output head's inputs ``[tokens, width]``, of a model that writes tokens.
        log_probs: of the classes at each position ``[positions, classes]``, of a model that was opened with classes.
    """

    row_id: str
    target_ids: tuple[int, ...]
    states: torch.Tensor | None = None
    log_probs: torch.Tensor | None = None


@dataclass(frozen=True)
class LabelledRow:
    """What a label source wrote for a pool row.

    Attributes:
        row_id: the pool row's.
        source: its text, without the task's prefix.
        target_ids: ids of the target; none where the source writes text alone.
        soft: one entry per id of ``target_ids``.
        text: the target as text.
    """

    row_id: str
    source: str
    target_ids: tuple[int, ...]
    soft: SoftLabels
    text: str = ""


@dataclass(frozen=True)
class ShardFacts:
    """Who wrote a shard, and how it is to be read.

    ``teacher`` is for people; ``teacher_content`` is the hash of the files that wrote it. Text alone (kind `text`) has no
    vocabulary: then it is 0 and ``tokenizer`` is empty.
    """

    kind: str
    dtype: str
    vocabulary: int
    temperature: float | None
    teacher: str
    teacher_content: str
    tokenizer: str


def check_match(shard: ShardFacts, *, student: str, vocabulary: int, tokenizer: str) -> None:
    """Refuse soft labels over another vocabulary than the student's. Raises `UserError`: the message names both sides."""
    if shard.vocabulary != vocabulary:
        raise UserError(
            f"teacher {shard.teacher} writes over a vocabulary of {shard.vocabulary} and student "
            f"{student} has {vocabulary}; distillation needs one vocabulary on both sides: choose a "
            "student and a teacher of one family"
        )
    if shard.tokenizer != tokenizer:
        raise UserError(
            f"teacher {shard.teacher} uses tokenizer {shard.tokenizer[:12]} and student "
            f"{student} uses {tokenizer[:12]}; distillation needs the same tokenizer on both sides"
        )


def check_teacher(shard: ShardFacts, *, student: str, vocabulary: int, tokenizer: str) -> None:
    """Refuse aligned labels over another vocabulary than their teacher has now. Raises `UserError`: it names both."""
    if (shard.vocabulary, shard.tokenizer) != (vocabulary, tokenizer):
        raise UserError(
            f"labels for student {student} are over {shard.vocabulary} tokens of tokenizer {shard.tokenizer[:12]}, and their "
            f"teacher {shard.teacher} has {vocabulary} of {tokenizer[:12]}; drop the labels, and they are made again"
        )
