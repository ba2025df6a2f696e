"""What a student of another tokenizer learns from its teacher's states: where the tokens of both meet, worked out once a shard.

The teacher's tokenizer is read from its artifact without its weights. A shard's texts become the student's tokens, and
beside each stands which of the teacher's it meets (`raydoa.models.alignment`), in the file of the token ids.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from raydoa.models.alignment import Alignment
from raydoa.models.family import Model
from raydoa.pipeline.context import ExecutionContext, record_of
from raydoa.pipeline.opened_models import family_in, model_folder
from raydoa.pipeline.stages import Distill, FineTune, TextForm
from raydoa.pipeline.token_files import encoded, token_folder
from raydoa.training.batches import Example, JoinedRows
from raydoa.training.shards import AlignedShard, Shard
from raydoa.training.soft_labels import SharedTokens, check_teacher
from raydoa.training.tensor_file import RaggedFile

logger = logging.getLogger(__name__)
_WEIGHTS = ".safetensors"
_VERSION = 1
"""Of what is said of a pair of tokenizers; another one makes other files."""


@dataclass(frozen=True)
class TeacherTokens:
    """The tokens of a teacher and how a student's go with them.

    Attributes:
        alignment: of both tokenizers.
        tokenizer, vocabulary: of the teacher, as `ShardFacts` has them.
    """

    alignment: Alignment
    tokenizer: str
    vocabulary: int

    @property
    def shared(self) -> SharedTokens:
        """As the loss needs them."""
        first = self.alignment.first
        return SharedTokens(
            torch.tensor(self.alignment.shared),
            None if first is None else torch.tensor(first),
        )


def teacher_tokens(
    stage: Distill, teacher: FineTune, context: ExecutionContext, vocabulary: int
) -> TeacherTokens:
    """The tokens of a distillation's teacher, whose head has ``vocabulary`` rows."""
    theirs, ours = _described(teacher, context), model_folder(stage.initial, context)
    family, own = family_in(theirs, teacher), family_in(ours, stage)
    alignment = Alignment(family.token_texts(theirs), own.token_texts(ours))
    shared = len(alignment.shared) - 1
    if not shared:
        logger.warning(
            "%s and %s have no token in common: of what %s writes, only the text and where it ends is learnt",
            stage.model,
            teacher.model,
            teacher.model,
        )
    logger.info("%s and %s share %d tokens", stage.model, teacher.model, shared)
    return TeacherTokens(alignment, family.output_space(theirs), vocabulary)


def _described(teacher: FineTune, context: ExecutionContext) -> Path:
    """A folder with the teacher's configuration and tokenizer; a LoRA's are its base's."""
    if teacher.lora is not None:
        return model_folder(teacher.initial, context)
    files = record_of(teacher, context).files
    return context.store.fetch(teacher.key, [n for n in files if not n.endswith(_WEIGHTS)])


def aligned_shard(
    shard: Shard,
    sources: Sequence[str],
    encoded_sources: RaggedFile,
    order: np.ndarray,
    stage: Distill,
    model: Model,
    tokens: TeacherTokens,
    context: ExecutionContext,
) -> AlignedShard:
    """A shard of aligned labels in the tokens of ``model``.

    Raises:
        UserError: the shard is over other tokens than the teacher has.
    """
    check_teacher(
        shard.facts,
        student=stage.model,
        vocabulary=tokens.vocabulary,
        tokenizer=tokens.tokenizer,
    )
    form: TextForm = stage.form
    texts = shard.texts()
    written = [shard.targets.row(index).tolist() for index in range(len(shard))]
    asked = [form.prefix + source for source in sources]
    of = hashlib.sha256(repr([form.source_length, asked, written]).encode()).hexdigest()

    def meets(rows: list[list[int]]) -> dict[str, torch.Tensor]:
        found = [
            tokens.alignment.meets(text, theirs, ours, student_length=form.target_length)
            for text, theirs, ours in zip(texts, written, rows, strict=True)
        ]
        columns = {
            "teacher": [position for row in found for position in row.teacher],
            "first": [first for row in found for first in row.first],
        }
        return {name: torch.tensor(values, dtype=torch.int32) for name, values in columns.items()}

    targets = encoded(
        token_folder(context),
        f"target {model.output_space} that meets {tokens.tokenizer} of {of}, version {_VERSION}",
        texts,
        form.target_length,
        lambda texts, length: model.target_ids(texts, length, asked, form.source_length),
        meets,
    )
    return AlignedShard(shard, encoded_sources, order, targets)


def aligned_share(*rows: Sequence[Example]) -> float | None:
    """The part of the target positions, of all rows with aligned labels, at which a token meets one of the teacher's."""
    shards = [
        part
        for joined in rows
        for part in (_parts(joined) if isinstance(joined, JoinedRows) else [joined])
        if isinstance(part, AlignedShard)
    ]
    positions = sum(shard.positions for shard in shards)
    return sum(shard.aligned for shard in shards) / positions if positions else None


def _parts(joined: JoinedRows) -> list[Sequence[Example]]:
    return [
        inner
        for part in joined.parts
        for inner in (_parts(part) if isinstance(part, JoinedRows) else [part])
    ]
