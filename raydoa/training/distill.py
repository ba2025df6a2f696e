"""What is minimised: cross-entropy on gold labels, KL to a teacher on soft labels.

The distillation loss is KL(teacher || student) at temperature T, times T squared (Hinton et al.,
arXiv 1503.02531), summed over real target tokens; the caller divides by the tokens of the global
batch. With logits z = W h of the student, its gradient is known in closed form,

    d/dz T^2 KL(p || softmax(z / T)) = T (softmax(z / T) - p),

so `_Divergence` goes over the tokens in chunks, once, and keeps the gradients of h and W alone: no
tensor of batch x length x vocabulary is ever held, neither of the teacher nor of the student, and
nothing is computed twice. For sparse labels p is the sampled distribution, which gives an unbiased
estimate of the same gradient.

A batch may hold gold rows, rows whose target a label source wrote, and rows with soft labels; its loss is the sum over
the tokens of all, with a weight on the gold ones. What is gold or written is learnt with cross-entropy.

Losses are computed inside `Loss.forward`, so that a wrapper around the module (DeepSpeed's) sees
them.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from raydoa.errors import UserError
from raydoa.training.batches import MicroBatch
from raydoa.training.soft_labels import HiddenLabels, SoftLabels, SparseLabels, WrittenLabels

logger = logging.getLogger(__name__)


class Loss(torch.nn.Module, ABC):
    """A model with its training loss: the sum over target tokens, times ``scale``.

    Abstract: a model family says what its output head is, and what the head is applied to.

    Args:
        model: a network; it is put into training mode.
        teacher_head: ``[vocabulary, teacher's width]``, needed by `HiddenLabels`.
        temperature: of the distillation; gold labels do not know one.
        gold_weight: what a gold token's cross-entropy counts for.
        chunk_tokens: target tokens whose logits are held at a time.
        activation_checkpointing: keep only each layer's input, and compute the rest of it again on the way back.

    Raises:
        UserError: teacher and student have different vocabularies; in `forward`, sparse labels
            hold at another temperature than the recipe's.
    """

    model: torch.nn.Module
    teacher_head: torch.Tensor | None

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        teacher_head: torch.Tensor | None = None,
        temperature: float = 1.0,
        gold_weight: float = 1.0,
        chunk_tokens: int = 1024,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        outputs = self.output_layer.out_features
        if teacher_head is not None and len(teacher_head) != outputs:
            raise UserError(
                f"the teacher writes over a vocabulary of {len(teacher_head)} and the student has "
                f"{outputs}; distillation needs one vocabulary on both sides"
            )
        self.temperature = temperature
        self._gold_weight = gold_weight
        self._chunk_tokens = chunk_tokens
        self.register_buffer("teacher_head", teacher_head, persistent=False)
        if activation_checkpointing:
            self.checkpoint_activations()
        self.train()  # A model that was loaded from disk is not in training mode.

    @property
    @abstractmethod
    def output_layer(self) -> torch.nn.Linear:
        """The head that turns states into logits."""

    @abstractmethod
    def states(self, batch: MicroBatch) -> torch.Tensor:
        """What the head is applied to at each target token ``[rows, target length, width]``."""

    def checkpoint_activations(self) -> None:
        """Keep only what is needed to compute the activations again; models without many keep them all."""
        logger.debug("%s keeps all activations", type(self.model).__name__)

    def forward(self, batch: MicroBatch, scale: float) -> torch.Tensor:
        """The loss of a micro-batch; each row counts by the labels that it has: gold, written or soft."""
        states = self.states(batch)
        kinds = [_kind(labels) for labels in batch.soft]
        terms: dict[str, Callable[..., torch.Tensor]] = {
            "gold": self._gold, "written": self._written, "soft": self._soft
        }  # fmt: skip
        if len(set(kinds)) == 1:
            return scale * terms[kinds[0]](states, batch, batch.target_mask)
        total = torch.zeros((), device=states.device)
        for kind, term in terms.items():
            if kind in kinds:
                rows = torch.tensor([k == kind for k in kinds], device=states.device)
                total = total + term(states, batch, batch.target_mask & rows[:, None])
        return scale * total

    def _gold(self, states: torch.Tensor, batch: MicroBatch, tokens: torch.Tensor) -> torch.Tensor:
        """Cross-entropy at those ``tokens``, weighted."""
        return self._gold_weight * self._written(states, batch, tokens)

    def _written(
        self, states: torch.Tensor, batch: MicroBatch, tokens: torch.Tensor
    ) -> torch.Tensor:
        """Cross-entropy at those ``tokens``."""
        # Through the module: under ZeRO-3 its weight exists only while it runs.
        logits = self.output_layer(states[tokens]).float()
        return functional.cross_entropy(logits, batch.target[tokens], reduction="sum")

    def _soft(self, states: torch.Tensor, batch: MicroBatch, tokens: torch.Tensor) -> torch.Tensor:
        """The divergence from the teacher at those ``tokens``."""
        soft = [labels for labels in batch.soft if _kind(labels) == "soft"]
        wanted = self._wanted(soft, states.device)
        assert len(wanted) == int(tokens.sum()), "one soft label per target token"
        weight = self.output_layer.weight
        total: torch.Tensor = _Divergence.apply(  # type: ignore[no-untyped-call]
            states[tokens], weight, wanted, self.temperature, self._chunk_tokens
        )
        return self.temperature**2 * total

    def _wanted(
        self, soft: Sequence[Any], device: torch.device
    ) -> "_HiddenTeacher | _SparseTeacher":
        """The soft labels of all tokens of some rows, in the order of the rows."""
        if isinstance(soft[0], HiddenLabels):
            assert self.teacher_head is not None, "hidden soft labels need the teacher's head"
            hidden = torch.cat([labels.states for labels in soft]).to(device)
            return _HiddenTeacher(hidden, self.teacher_head)
        sparse: Sequence[SparseLabels] = soft
        for labels in sparse:
            if labels.temperature != self.temperature:
                raise UserError(
                    f"soft labels were sampled at temperature {labels.temperature:g} and the "
                    f"recipe distils at {self.temperature:g}; label the pool again at that"
                )
        return _SparseTeacher(
            torch.cat([labels.tokens for labels in sparse]).to(device),
            torch.cat([labels.weights for labels in sparse]).to(device),
            torch.cat([labels.entropy for labels in sparse]).to(device),
        )


def _kind(labels: SoftLabels | None) -> str:
    """What a row is learnt from."""
    if labels is None:
        return "gold"
    return "written" if isinstance(labels, WrittenLabels) else "soft"


class _HiddenTeacher:
    """The teacher's full distribution, from its head's inputs ``[tokens, width]``."""

    def __init__(self, hidden: torch.Tensor, head: torch.Tensor) -> None:
        self._hidden = hidden
        self._head = head

    def __len__(self) -> int:
        return len(self._hidden)

    def compare(
        self, student: torch.Tensor, part: slice, temperature: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The summed KL, and student - teacher in probabilities ``[chunk, vocabulary]``.

        ``student`` are log-probabilities ``[chunk, vocabulary]``, and are used up.
        """
        logits = self._hidden[part].to(self._head.dtype) @ self._head.T
        teacher = torch.log_softmax(logits.float() / temperature, dim=-1)
        p = teacher.exp()
        divergence = torch.sum(p * teacher.sub_(student))
        return divergence, student.exp_().sub_(p)


class _SparseTeacher:
    """Sampled tokens ``[tokens, kept]``, their weights, and the full distribution's entropy."""

    def __init__(self, tokens: torch.Tensor, weights: torch.Tensor, entropy: torch.Tensor) -> None:
        self.tokens = tokens
        self._weights = weights
        self._entropy = entropy

    def __len__(self) -> int:
        return len(self.tokens)

    def compare(
        self, student: torch.Tensor, part: slice, _temperature: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Like `_HiddenTeacher.compare`: cross-entropy with the sample, less the exact entropy."""
        tokens, weights = self.tokens[part], self._weights[part]
        divergence = -(weights * student.gather(1, tokens)).sum() - self._entropy[part].sum()
        return divergence, student.exp_().scatter_add_(1, tokens, -weights)


class _Divergence(torch.autograd.Function):
    """KL(teacher || student) summed over tokens, both gradients worked out on the way forward."""

    @staticmethod
    def forward(
        ctx: Any,
        states: torch.Tensor,
        weight: torch.Tensor,
        wanted: _HiddenTeacher | _SparseTeacher,
        temperature: float,
        chunk_tokens: int,
    ) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float32, device=states.device)
        d_states = torch.empty_like(states)
        d_weight = torch.zeros_like(weight, dtype=torch.float32)
        for start in range(0, len(states), chunk_tokens):
            part = slice(start, start + chunk_tokens)
            logits = (states[part] @ weight.T).float()
            student = torch.log_softmax(logits.div_(temperature), dim=-1)
            divergence, error = wanted.compare(student, part, temperature)
            total += divergence
            error = error.div_(temperature).to(states.dtype)
            d_states[part] = error @ weight
            d_weight += error.T @ states[part]
        ctx.save_for_backward(d_states, d_weight.to(weight.dtype))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        d_states, d_weight = ctx.saved_tensors
        return d_total * d_states, d_total * d_weight, None, None, None
