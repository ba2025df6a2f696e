"""What is minimised: cross-entropy on gold labels, KL to a teacher on soft labels.

The distillation loss is KL(teacher || student) at temperature T, times T squared (Hinton et al., arXiv 1503.02531), summed
over real target positions; the caller divides by the positions of the global batch. A position is a target token, a
source token that is tagged, or a row that has one class.

Two kinds of models have two kinds of loss. A `TokenLoss` is over the tokens of a vocabulary: it never holds the logits of
all of them (`raydoa.training.divergence`). Where such a model learns from distributions over a task's classes, a class's
score is the log-probability of its text. A `HeadLoss` (`raydoa.training.head_loss`) is over the few classes of a
classification head.

A batch may hold gold rows, rows whose target a label source wrote, and rows with soft labels; its loss is the sum over
the positions of all, with a weight on the gold ones. What is gold or written is learnt with cross-entropy. Of aligned
labels, positions where the teacher's tokens meet the student's are learnt from its distribution over the tokens of both
(`raydoa.training.aligned`), and the others with cross-entropy.

Losses are computed inside `Loss.forward`, so that a wrapper around the module (DeepSpeed's) sees
them.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import torch
from torch.nn import functional

from raydoa.errors import UserError
from raydoa.training.aligned import SharedHead
from raydoa.training.batches import TARGET_COST, MicroBatch
from raydoa.training.divergence import (
    Divergence,
    HiddenTeacher,
    SparseTeacher,
    Teacher,
    class_divergence,
)
from raydoa.training.soft_labels import (
    AlignedLabels,
    ClassLabels,
    HiddenLabels,
    SharedTokens,
    SoftLabels,
    SparseLabels,
    WrittenLabels,
)

logger = logging.getLogger(__name__)

Term: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""A part of the loss: the sum over the positions where a mask is True."""


class Loss(torch.nn.Module, ABC):
    """A model with its training loss: the sum over target positions, times ``scale``.

    Args:
        model: a network; it is put into training mode.
        temperature: of the distillation; gold labels do not know one.
        gold_weight: what a gold position's cross-entropy counts for.
        activation_checkpointing: keep only each layer's input, and compute the rest of it again on the way back.

    Attributes:
        target_cost: what a target token counts for when rows are sorted by length, in source tokens.
    """

    model: torch.nn.Module
    target_cost: ClassVar[int] = TARGET_COST

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        temperature: float = 1.0,
        gold_weight: float = 1.0,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        self._gold_weight = gold_weight
        if activation_checkpointing:
            self.checkpoint_activations()
        self.train()  # A model that was loaded from disk is not in training mode.

    @abstractmethod
    def total(self, batch: MicroBatch) -> torch.Tensor:
        """The sum over the target positions of a micro-batch."""

    def checkpoint_activations(self) -> None:
        """Keep only what is needed to compute the activations again; models without many keep them all."""
        logger.debug("%s keeps all activations", type(self.model).__name__)

    def forward(self, batch: MicroBatch, scale: float) -> torch.Tensor:
        """The loss of a micro-batch; each row counts by the labels that it has: gold, written or soft."""
        return scale * self.total(batch)

    def _sum(self, batch: MicroBatch, terms: Mapping[str, Term]) -> torch.Tensor:
        """Each row's term, by the kind of its labels."""
        kinds = [_kind(labels) for labels in batch.soft]
        if len(set(kinds)) == 1:
            return terms[kinds[0]](batch.target_mask)
        total = torch.zeros((), device=batch.target_mask.device)
        for kind in sorted(set(kinds)):
            rows = torch.tensor([k == kind for k in kinds], device=batch.target_mask.device)
            total = total + terms[kind](batch.target_mask & rows[:, None])
        return total

    def _divergence(
        self, scores: torch.Tensor, labels: Sequence[ClassLabels], classes: int
    ) -> torch.Tensor:
        """The divergence from distributions over ``classes``, at positions with those scores ``[positions, classes]``."""
        wanted = torch.cat([one.log_probs for one in labels]).to(scores.device)
        assert wanted.shape == (len(scores), classes), "a distribution for each position"
        return class_divergence(scores, wanted, self.temperature)


class TokenLoss(Loss):
    """The loss of a model that writes tokens.

    Abstract: a model family says what its output head is, and what the head is applied to.

    Args:
        model: a network.
        teacher_head: ``[vocabulary, teacher's width]``, needed by `HiddenLabels` and `AlignedLabels`.
        shared: the tokens that teacher and student share where they have not all in common, needed by `AlignedLabels`.
        chunk_tokens: target tokens whose logits are held at a time.
        options: those of `Loss`.

    Raises:
        UserError: teacher and student have different vocabularies; in `forward`, sparse labels
            hold at another temperature than the recipe's.
    """

    teacher_head: torch.Tensor | None

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        teacher_head: torch.Tensor | None = None,
        shared: SharedTokens | None = None,
        chunk_tokens: int = 1024,
        **options: Any,
    ) -> None:
        super().__init__(model, **options)
        outputs = self.output_layer.out_features
        self._shared = None
        if shared is not None:
            assert teacher_head is not None, "tokens are shared with a teacher"
            self._shared = SharedHead(teacher_head, shared)
            teacher_head = None  # Its other rows are not needed.
        elif teacher_head is not None and len(teacher_head) != outputs:
            raise UserError(
                f"the teacher writes over a vocabulary of {len(teacher_head)} and the student has "
                f"{outputs}; distillation needs one vocabulary on both sides"
            )
        self._chunk_tokens = chunk_tokens
        self.register_buffer("teacher_head", teacher_head, persistent=False)

    @property
    @abstractmethod
    def output_layer(self) -> torch.nn.Linear:
        """The head that turns states into logits."""

    @abstractmethod
    def states(self, batch: MicroBatch) -> torch.Tensor:
        """What the head is applied to at each target token ``[rows, target length, width]``."""

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """What the model says at ``states``."""
        # Through the module: under ZeRO-3 its weight exists only while it runs.
        logits: torch.Tensor = self.output_layer(states)
        return logits

    def class_scores(self, batch: MicroBatch) -> torch.Tensor:
        """Log-probabilities of the texts of the task's classes ``[rows, classes]``, where the model knows them."""
        raise AssertionError(f"{type(self.model).__name__} was opened without the task's classes")

    def total(self, batch: MicroBatch) -> torch.Tensor:
        of_classes = [isinstance(labels, ClassLabels) for labels in batch.soft]
        if not any(of_classes):
            return self._tokens(batch)
        part = batch.rows([i for i, one in enumerate(of_classes) if one])
        scores = self.class_scores(part)
        total = self._divergence(scores, part.soft, scores.shape[-1])
        rest = [i for i, one in enumerate(of_classes) if not one]
        return total + self._tokens(batch.rows(rest)) if rest else total

    def _tokens(self, batch: MicroBatch) -> torch.Tensor:
        states = self.states(batch)

        def written(tokens: torch.Tensor) -> torch.Tensor:
            logits = self.logits(states[tokens]).float()
            return functional.cross_entropy(logits, batch.target[tokens], reduction="sum")

        def soft(tokens: torch.Tensor) -> torch.Tensor:
            return self._soft(states, batch, tokens)

        def aligned(tokens: torch.Tensor) -> torch.Tensor:
            return self._aligned(states, batch, tokens)

        terms = {"gold": lambda tokens: self._gold_weight * written(tokens)}
        return self._sum(batch, {**terms, "written": written, "soft": soft, "aligned": aligned})

    def _soft(self, states: torch.Tensor, batch: MicroBatch, tokens: torch.Tensor) -> torch.Tensor:
        """The divergence from the teacher at those ``tokens``."""
        soft = [labels for labels in batch.soft if _kind(labels) == "soft"]
        wanted = self._wanted(soft, states.device)
        assert len(wanted) == int(tokens.sum()), "one soft label per target token"
        return self.temperature**2 * self._diverge(states[tokens], wanted, self.temperature)

    def _aligned(
        self, states: torch.Tensor, batch: MicroBatch, tokens: torch.Tensor
    ) -> torch.Tensor:
        """What is learnt from aligned labels at those ``tokens``."""
        assert self._shared is not None, "aligned labels need the tokens that are shared"
        total = torch.zeros((), device=states.device)
        for part, wanted, temperature in self._shared(batch, tokens, self.temperature):
            total = total + temperature**2 * self._diverge(states[part], wanted, temperature)
        return total

    def _diverge(
        self,
        states: torch.Tensor,
        wanted: Teacher,
        temperature: float,
    ) -> torch.Tensor:
        weight = self.output_layer.weight
        total: torch.Tensor = Divergence.apply(  # type: ignore[no-untyped-call]
            states, weight, wanted, temperature, self._chunk_tokens
        )
        return total

    def _wanted(self, soft: Sequence[Any], device: torch.device) -> HiddenTeacher | SparseTeacher:
        """The soft labels of all tokens of some rows, in the order of the rows."""
        if isinstance(soft[0], HiddenLabels):
            assert self.teacher_head is not None, "hidden soft labels need the teacher's head"
            hidden = torch.cat([labels.states for labels in soft]).to(device)
            return HiddenTeacher(hidden, self.teacher_head)
        sparse: Sequence[SparseLabels] = soft
        for labels in sparse:
            if labels.temperature != self.temperature:
                raise UserError(
                    f"soft labels were sampled at temperature {labels.temperature:g} and the "
                    f"recipe distils at {self.temperature:g}; label the pool again at that"
                )
        return SparseTeacher(
            torch.cat([labels.tokens for labels in sparse]).to(device),
            torch.cat([labels.weights for labels in sparse]).to(device),
            torch.cat([labels.entropy for labels in sparse]).to(device),
        )


def _kind(labels: SoftLabels | None) -> str:
    """What a row is learnt from."""
    if labels is None:
        return "gold"
    if isinstance(labels, ClassLabels):
        return "classes"
    if isinstance(labels, AlignedLabels):
        return "aligned"
    return "written" if isinstance(labels, WrittenLabels) else "soft"
