"""What is minimised: cross-entropy on gold labels, KL to a teacher on soft labels.

The distillation loss is KL(teacher || student) at temperature T, times T squared (Hinton et al.,
arXiv 1503.02531), summed over real target tokens; the caller divides by the tokens of the global
batch. With logits z = W h of the student, its gradient is known in closed form,

    d/dz T^2 KL(p || softmax(z / T)) = T (softmax(z / T) - p),

so `_Divergence` goes over the tokens in chunks, once, and keeps the gradients of h and W alone: no
tensor of batch x length x vocabulary is ever held, neither of the teacher nor of the student, and
nothing is computed twice. For sparse labels p is the sampled distribution, which gives an unbiased
estimate of the same gradient.

A batch may hold gold rows and soft rows; its loss is the sum over the tokens of both, with a weight
on the gold ones.

Losses are computed inside `Loss.forward`, so that a wrapper around the module (DeepSpeed's) sees
them.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from raydoa.errors import UserError
from raydoa.training.batches import MicroBatch
from raydoa.training.soft_labels import HiddenLabels, SparseLabels


class Loss(torch.nn.Module):
    """A model with its training loss: the sum over target tokens, times ``scale``.

    Args:
        model: a T5; it is put into training mode (its dropout is its config's).
        teacher_head: ``[vocabulary, teacher's d_model]``, needed by `HiddenLabels`.
        temperature: of the distillation; gold labels do not know one.
        gold_weight: what a gold token's cross-entropy counts for.
        chunk_tokens: target tokens whose logits are held at a time.
        activation_checkpointing: keep only each layer's input, and compute the rest of it again on the way back.

    Raises:
        UserError: teacher and student have different vocabularies; in `forward`, sparse labels
            hold at another temperature than the recipe's.
    """

    teacher_head: torch.Tensor | None

    def __init__(
        self,
        model: Any,
        *,
        teacher_head: torch.Tensor | None = None,
        temperature: float = 1.0,
        gold_weight: float = 1.0,
        chunk_tokens: int = 1024,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if teacher_head is not None and len(teacher_head) != model.config.vocab_size:
            raise UserError(
                f"the teacher writes over a vocabulary of {len(teacher_head)} and the student has "
                f"{model.config.vocab_size}; distillation needs one vocabulary on both sides"
            )
        self.model = model
        self._temperature = temperature
        self._gold_weight = gold_weight
        self._chunk_tokens = chunk_tokens
        self.register_buffer("teacher_head", teacher_head, persistent=False)
        if activation_checkpointing:
            model.activation_checkpointing_enable()
        self.train()  # A model that was loaded from disk is not in training mode.

    def forward(self, batch: MicroBatch, scale: float) -> torch.Tensor:
        """The loss of a micro-batch; each row counts by the labels that it has, gold or soft."""
        states = decoder_states(self.model, batch)
        gold = [labels is None for labels in batch.soft]
        if all(gold):
            return scale * self._gold(states, batch, batch.target_mask)
        if not any(gold):
            return scale * self._soft(states, batch, batch.target_mask)
        of_gold = batch.target_mask & torch.tensor(gold, device=states.device)[:, None]
        of_soft = batch.target_mask & ~of_gold
        return scale * (self._gold(states, batch, of_gold) + self._soft(states, batch, of_soft))

    def _gold(self, states: torch.Tensor, batch: MicroBatch, tokens: torch.Tensor) -> torch.Tensor:
        """Cross-entropy at those ``tokens``, weighted."""
        # Through the module: under ZeRO-3 its weight exists only while it runs.
        logits = self.model.lm_head(states[tokens]).float()
        target = batch.target[tokens]
        return self._gold_weight * functional.cross_entropy(logits, target, reduction="sum")

    def _soft(self, states: torch.Tensor, batch: MicroBatch, tokens: torch.Tensor) -> torch.Tensor:
        """The divergence from the teacher at those ``tokens``."""
        soft = [labels for labels in batch.soft if labels is not None]
        wanted = self._wanted(soft, states.device)
        assert len(wanted) == int(tokens.sum()), "one soft label per target token"
        weight = self.model.lm_head.weight
        total: torch.Tensor = _Divergence.apply(  # type: ignore[no-untyped-call]
            states[tokens], weight, wanted, self._temperature, self._chunk_tokens
        )
        return self._temperature**2 * total

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
            if labels.temperature != self._temperature:
                raise UserError(
                    f"soft labels were sampled at temperature {labels.temperature:g} and the "
                    f"recipe distils at {self._temperature:g}; label the pool again at that"
                )
        return _SparseTeacher(
            torch.cat([labels.tokens for labels in sparse]).to(device),
            torch.cat([labels.weights for labels in sparse]).to(device),
            torch.cat([labels.entropy for labels in sparse]).to(device),
        )


def decoder_states(model: Any, batch: MicroBatch) -> torch.Tensor:
    """What the output head is applied to ``[rows, target length, d_model]``.

    T5 scales it where the head is tied to the embedding, as the original T5's is; v1.1's is not.
    """
    encoded = model.encoder(input_ids=batch.source, attention_mask=batch.source_mask)
    decoded: torch.Tensor = model.decoder(
        input_ids=batch.decoder_input(),
        encoder_hidden_states=encoded.last_hidden_state,
        encoder_attention_mask=batch.source_mask,
        use_cache=False,
    ).last_hidden_state
    return decoded * model.model_dim**-0.5 if model.config.scale_decoder_outputs else decoded


class _HiddenTeacher:
    """The teacher's full distribution, from its head's inputs ``[tokens, d_model]``."""

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
