"""The divergence of a student from its teacher over the tokens of a vocabulary, without a tensor of all of them.

The loss is KL(teacher || student) at temperature T, summed over tokens. With logits z = W h of the student, its gradient
is known in closed form,

    d/dz T^2 KL(p || softmax(z / T)) = T (softmax(z / T) - p),

so `Divergence` goes over the tokens in chunks, once, and keeps the gradients of h and W alone: no tensor of
batch x length x vocabulary is ever held, neither of the teacher nor of the student, and nothing is computed twice. For
sparse labels p is the sampled distribution, which gives an unbiased estimate of the same gradient; with a sample of one
token, at T = 1, it is the cross-entropy. Over the few classes of a task (`class_divergence`) autograd does it.
"""

from typing import Any, Protocol

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Teacher(Protocol):
    """What a student is compared with at some tokens."""

    def __len__(self) -> int: ...

    def compare(
        self, student: torch.Tensor, part: slice, temperature: float, /
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The summed divergence at a chunk of tokens, and its gradient ``[chunk, vocabulary]`` by the student's logits / T.

        ``student`` are log-probabilities at the temperature ``[chunk, vocabulary]``, and are used up.
        """


class HiddenTeacher:
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


class SparseTeacher:
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
        """Like `HiddenTeacher.compare`: cross-entropy with the sample, less the exact entropy."""
        tokens, weights = self.tokens[part], self._weights[part]
        divergence = -(weights * student.gather(1, tokens)).sum() - self._entropy[part].sum()
        return divergence, student.exp_().scatter_add_(1, tokens, -weights)


class Divergence(torch.autograd.Function):
    """KL(teacher || student) summed over tokens, both gradients worked out on the way forward."""

    @staticmethod
    def forward(
        ctx: Any,
        states: torch.Tensor,
        weight: torch.Tensor,
        wanted: Teacher,
        temperature: float,
        chunk_tokens: int,
    ) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float32, device=states.device)
        d_states = torch.empty_like(states)
        # Beside a LoRA the head is frozen.
        learns = ctx.needs_input_grad[1]
        d_weight = torch.zeros_like(weight, dtype=torch.float32) if learns else None
        for start in range(0, len(states), chunk_tokens):
            part = slice(start, start + chunk_tokens)
            logits = (states[part] @ weight.T).float()
            student = torch.log_softmax(logits.div_(temperature), dim=-1)
            divergence, error = wanted.compare(student, part, temperature)
            total += divergence
            error = error.div_(temperature).to(states.dtype)
            d_states[part] = error @ weight
            if d_weight is not None:
                d_weight += error.T @ states[part]
        ctx.save_for_backward(d_states, None if d_weight is None else d_weight.to(weight.dtype))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        d_states, d_weight = ctx.saved_tensors
        d_head = None if d_weight is None else d_total * d_weight
        return d_total * d_states, d_head, None, None, None


def class_divergence(
    scores: torch.Tensor, log_probs: torch.Tensor, temperature: float
) -> torch.Tensor:
    """T^2 KL(teacher || student) over classes at temperature T, summed over positions.

    Both are ``[positions, classes]``: logits or log-probabilities, which a softmax makes distributions of.
    """
    wanted = torch.log_softmax(log_probs.float() / temperature, dim=-1)
    found = torch.log_softmax(scores.float() / temperature, dim=-1)
    divergence = functional.kl_div(found, wanted, reduction="sum", log_target=True)
    return temperature**2 * divergence
