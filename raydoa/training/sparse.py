"""Soft labels as a few weighted tokens: Random Sampling Knowledge Distillation (arXiv 2503.16870).

Keeping only the most likely tokens biases the student wherever the teacher is unsure. Here the
``top`` most likely tokens keep their exact probability, and the rest of the mass is stood for by
``samples`` draws from the rest, each weighing an equal share of it: in expectation that is the
teacher's distribution at temperature T. Draws are systematic (one random offset, then equal steps
along the cumulative distribution), which is as unbiased as independent draws and varies less: a
token is drawn as often as expected, give or take one. (The draws of a tail at T = 2 cannot be had
from a tail at T = 1, so a shard is bound to its temperature.)

How many are enough depends on how sure the teacher is, so it is measured: `choose_sparsity` doubles
the draws until the gradient of a student agrees with that of the exact KL.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from raydoa.errors import UserError
from raydoa.training.batches import Example, collate
from raydoa.training.distill import TokenLoss
from raydoa.training.soft_labels import HiddenLabels, SparseLabels

logger = logging.getLogger(__name__)

LEAST_COSINE = 0.99


@dataclass(frozen=True)
class Sparsity:
    """How much is kept, and the lowest measured cosine of its gradient with the exact one."""

    top: int
    samples: int
    cosine: float


def sparsify(
    states: torch.Tensor,
    head: torch.Tensor,
    temperature: float,
    top: int,
    samples: int,
    row_id: str,
) -> SparseLabels:
    """Sparse labels of one row.

    Args:
        states: inputs of the head ``[tokens, width]``; the work is done where ``head`` is.
        head: the teacher's output head ``[vocabulary, width]``.
        temperature: of the distillation.
        top: how many tokens keep their exact probability.
        samples: draws from the rest; 0 keeps ``top`` only, renormalised.
        row_id: seeds the draws, so they do not depend on batch or shard.
    """
    logits = (states.to(head.device, head.dtype) @ head.T).float()
    log_p = torch.log_softmax(logits / temperature, dim=-1)
    p = log_p.exp()
    entropy = -(p * log_p).sum(-1)
    kept, tokens = p.topk(min(top, p.shape[1]), dim=-1)
    if samples == 0:
        weights = kept / kept.sum(-1, keepdim=True)
    else:
        tail = p.double().scatter(1, tokens, 0.0)
        drawn = _systematic(tail.cumsum(-1), samples, row_id)
        share = (tail.sum(-1, keepdim=True) / samples).float().expand(-1, samples)
        tokens, weights = torch.cat([tokens, drawn], dim=1), torch.cat([kept, share], dim=1)
    return SparseLabels(tokens.cpu(), weights.cpu(), entropy.cpu(), temperature)


def choose_sparsity(loss: TokenLoss, batches: Sequence[Sequence[Example]], *, top: int) -> Sparsity:
    """The fewest draws (doubling) whose gradient agrees with the exact one on every batch.

    Args:
        loss: of the student that will learn from the labels, with the teacher's head and the temperature.
        batches: a few batches of examples with `HiddenLabels`.
        top: how many tokens keep their exact probability.

    Raises:
        UserError: not even draws as many as the vocabulary agree; the hidden representation is
            exact.
    """
    head = loss.teacher_head
    assert head is not None, "the exact gradient needs the teacher's head"
    exact = [gradient(loss, batch) for batch in batches]
    samples = 16
    while samples <= head.shape[0]:
        cosines = []
        for batch, truth in zip(batches, exact, strict=True):
            sparse = [_sparsified(e, head, loss.temperature, top, samples) for e in batch]
            sampled = gradient(loss, sparse)
            cosines.append(float(torch.nn.functional.cosine_similarity(sampled, truth, dim=0)))
        logger.info("top %d and %d draws: gradient cosine %.4f", top, samples, min(cosines))
        if min(cosines) >= LEAST_COSINE:
            return Sparsity(top, samples, min(cosines))
        samples *= 2
    raise UserError(
        f"representation: sparse with top {top} and {samples // 2} draws reaches a gradient "
        f"cosine of {min(cosines):.3f}, below {LEAST_COSINE}: this teacher is too unsure; use hidden, which "
        "is exact"
    )


def gradient(loss: TokenLoss, examples: Sequence[Example]) -> torch.Tensor:
    """The gradient of a loss over all of its model, without dropout, as one float64 vector."""
    was_training = loss.training
    loss.eval()
    loss.zero_grad(set_to_none=True)
    device = next(loss.parameters()).device
    tokens = sum(len(example.target_ids) for example in examples)
    loss(collate(examples).to(device), 1.0 / tokens).backward()
    flat = [p.grad.flatten().double() for p in loss.parameters() if p.grad is not None]
    loss.zero_grad(set_to_none=True)
    loss.train(was_training)
    return torch.cat(flat)


def _sparsified(
    example: Example, head: torch.Tensor, temperature: float, top: int, samples: int
) -> Example:
    assert isinstance(example.soft, HiddenLabels)
    soft = sparsify(example.soft.states, head, temperature, top, samples, example.row_id)
    return replace(example, soft=soft)


def _systematic(cumulative: torch.Tensor, samples: int, row_id: str) -> torch.Tensor:
    """Token ids ``[tokens, samples]``, from ``cumulative`` mass ``[tokens, vocabulary]``."""
    seed = int.from_bytes(hashlib.sha256(row_id.encode()).digest()[:8], "big") >> 1
    generator = torch.Generator().manual_seed(seed)
    offset = torch.rand(len(cumulative), 1, generator=generator, dtype=torch.float64)
    steps = (torch.arange(samples, dtype=torch.float64) + offset) / samples
    points = steps.to(cumulative.device) * cumulative[:, -1:]
    return torch.searchsorted(cumulative, points, right=True).clamp(max=cumulative.shape[1] - 1)
