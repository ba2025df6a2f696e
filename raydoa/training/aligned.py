"""Learning from a teacher that writes tokens of another vocabulary, where its tokens meet the student's.

The target is the teacher's text in the student's own tokens. At each of them the student's cross-entropy is learnt, as from
text alone; where a token meets one of the teacher's (`raydoa.models.alignment`), a part of it from the teacher's
distribution instead. It is

    - log P(one of the tokens that both have) - log P(which one | one of those),

and the second part becomes T^2 KL(teacher || student) at temperature T, both renormalised over those tokens. The first
stays as it is, at temperature 1: the text goes on with a token that both have. With all tokens in common this is the exact
KL of `hidden` labels, and with a teacher that is sure it is the cross-entropy, so each position is learnt once, and the
loss is the sum over target positions as anywhere else.

Others do otherwise. KDFlow's `simple_ctkd` takes the KL over the common tokens alone, which has no gradient for what the
student gives to all others, and mixes it with cross-entropy by a weight that is to be tuned. GOLD in TRL compares the
others by sorted probabilities (ULD), whose ranks stand for tokens that mean different things.
"""

from collections.abc import Iterator

import torch

from raydoa.training.batches import MicroBatch
from raydoa.training.divergence import HiddenTeacher, SparseTeacher, Teacher
from raydoa.training.soft_labels import AlignedLabels, SharedTokens


class AlignedTeacher:
    """The teacher's distribution over the shared tokens, at tokens that meet.

    Args:
        hidden: inputs of the teacher's head ``[tokens, width]``.
        head: its rows of the shared tokens ``[shared, width]``.
        ids: the student's ids of them ``[shared]``.
    """

    def __init__(self, hidden: torch.Tensor, head: torch.Tensor, ids: torch.Tensor) -> None:
        self._over_shared = HiddenTeacher(hidden, head)
        self._ids = ids

    def __len__(self) -> int:
        return len(self._over_shared)

    def compare(
        self, student: torch.Tensor, part: slice, temperature: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Teacher.compare`. All will be multiplied by T^2, so what is at temperature 1 is divided by it."""
        shared = student[:, self._ids]
        shared -= shared.logsumexp(-1, keepdim=True)
        divergence, error = self._over_shared.compare(shared, part, temperature)
        plain = torch.log_softmax(student.mul_(temperature), dim=-1)
        shared = plain[:, self._ids]
        any_of_them = shared.logsumexp(-1, keepdim=True)
        divergence = divergence - any_of_them.sum() / temperature**2
        error -= shared.sub_(any_of_them).exp_().div_(temperature)
        return divergence, plain.exp_().div_(temperature).index_add_(1, self._ids, error)


def sure_of(ids: torch.Tensor) -> SparseTeacher:
    """A teacher that is sure of ``ids`` ``[tokens]``: the divergence from it at temperature 1 is the cross-entropy."""
    sure = torch.ones(len(ids), 1, device=ids.device)
    return SparseTeacher(ids[:, None], sure, torch.zeros(len(ids), device=ids.device))


class SharedHead(torch.nn.Module):
    """The rows of a teacher's head ``[vocabulary, width]`` for tokens that a student has as well, with the student's ids."""

    ids: torch.Tensor
    head: torch.Tensor
    first_ids: torch.Tensor | None
    first_head: torch.Tensor | None

    def __init__(self, teacher_head: torch.Tensor, shared: SharedTokens) -> None:
        super().__init__()
        for name, pairs in (("", shared.inside), ("first_", shared.first)):
            head = None if pairs is None else teacher_head[pairs[:, 0]]
            self.register_buffer(f"{name}head", head, persistent=False)
            ids = None if pairs is None else pairs[:, 1].contiguous()
            self.register_buffer(f"{name}ids", ids, persistent=False)

    def forward(
        self, batch: MicroBatch, tokens: torch.Tensor, temperature: float
    ) -> Iterator[tuple[torch.Tensor, Teacher, float]]:
        """What the rows with aligned labels are learnt from at their ``tokens``: which of them, from whom, how warm."""
        kept = {i: one for i, one in enumerate(batch.soft) if isinstance(one, AlignedLabels)}
        table = torch.zeros_like(tokens, dtype=torch.long)
        for row, labels in kept.items():
            table[row, labels.places.to(tokens.device)] = 1 + labels.first.to(tokens.device).long()
        text = tokens & (table == 0)
        yield text, sure_of(batch.target[text]), 1.0
        for first, head, ids in (
            (False, self.head, self.ids),
            (True, self.first_head, self.first_ids),
        ):
            met = tokens & (table == 1 + first)
            if head is None or ids is None:
                assert not bool(met.any()), "the first tokens of texts have no table of their own"
                continue
            hidden = torch.cat([one.states[one.first == first] for one in kept.values()])
            assert len(hidden) == int(met.sum()), (
                "a state of the teacher at each token that meets one"
            )
            yield met, AlignedTeacher(hidden.to(head.device), head, ids), temperature
