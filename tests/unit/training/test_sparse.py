from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import T5ForConditionalGeneration

from raydoa.errors import UserError
from raydoa.models.seq2seq.loss import Seq2SeqLoss as Loss
from raydoa.training.batches import Example
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.recipe import Execution, Recipe
from raydoa.training.soft_labels import HiddenLabels, SparseLabels
from raydoa.training.sparse import LEAST_COSINE, choose_sparsity, gradient, sparsify

Build = Callable[..., T5ForConditionalGeneration]
Rows = Callable[..., list[Example]]
Hidden = Callable[[T5ForConditionalGeneration, list[Example]], list[Example]]


def _dense(labels: SparseLabels, vocabulary: int) -> torch.Tensor:
    return torch.zeros(len(labels.tokens), vocabulary).scatter_add(1, labels.tokens, labels.weights)


@settings(max_examples=40)
@given(
    top=st.integers(1, 70),
    samples=st.integers(0, 200),
    sharpness=st.sampled_from([0.0, 1.0, 60.0]),
    temperature=st.sampled_from([1.0, 2.0]),
)
def test_weights_are_a_distribution(
    top: int, samples: int, sharpness: float, temperature: float
) -> None:
    random = torch.Generator().manual_seed(top)
    states = torch.randn(3, 8, generator=random)
    head = torch.randn(64, 8, generator=random) * sharpness
    found = sparsify(states, head, temperature=temperature, top=top, samples=samples, row_id="r")
    assert found.tokens.shape == found.weights.shape == (3, min(top, 64) + samples)
    assert bool((found.weights >= 0).all()) and bool((found.tokens < 64).all())
    torch.testing.assert_close(found.weights.sum(-1), torch.ones(3))
    p = torch.softmax(states @ head.T / temperature, dim=-1)
    entropy = -(p * p.clamp(min=1e-38).log()).sum(-1)
    torch.testing.assert_close(found.entropy, entropy, rtol=1e-4, atol=1e-4)


def test_the_sample_is_unbiased_and_top_tokens_are_exact() -> None:
    random = torch.Generator().manual_seed(1)
    states, head = torch.randn(2, 8, generator=random), torch.randn(50, 8, generator=random)
    p = torch.softmax(states @ head.T / 2, dim=-1)
    draws = [
        _dense(sparsify(states, head, temperature=2.0, top=4, samples=5, row_id=str(i)), 50)
        for i in range(4000)
    ]
    # A draw weighs at most 1/5 of the tail: 4,000 of them leave an error below 0.01 by far.
    torch.testing.assert_close(torch.stack(draws).mean(0), p, atol=4e-3, rtol=0)
    kept, tokens = p.topk(4)
    torch.testing.assert_close(draws[0].gather(1, tokens), kept)


def test_draws_belong_to_the_row() -> None:
    states, head = torch.randn(4, 8), torch.randn(50, 8)
    sizes = {"temperature": 2.0, "top": 2, "samples": 6}
    first, again, other = (sparsify(states, head, row_id=row, **sizes) for row in ("a", "a", "b"))
    assert torch.equal(first.tokens, again.tokens) and torch.equal(first.weights, again.weights)
    assert not torch.equal(first.tokens, other.tokens)


def _cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("sharpness", [0.1, 0.7, 2.0], ids=["flat", "unsure", "peaked"])
def test_fidelity_over_the_vocabulary_of_t5(
    build: Build,
    rows: Rows,
    hidden: Hidden,
    sharpness: float,
    temperature: float,
) -> None:
    """Gradient cosines with the exact KL, of a student that has begun to learn from it."""
    teacher, student = build(32128, seed=1), build(32128, d_model=8, seed=2)
    with torch.no_grad():
        teacher.lm_head.weight.mul_(sharpness)
        student.lm_head.weight.mul_(0.3)
    head = teacher.lm_head.weight.detach()
    examples = hidden(teacher, rows(24, 32128))
    recipe = Recipe(learning_rate=0.02, batch_size=24, epochs=1, temperature=temperature)
    loss = Loss(student, teacher_head=head, temperature=temperature)
    fit(
        PlainEngine(loss, recipe, 8),
        examples,
        batch_size=24,
        steps=8,
        seed=0,
        execution=Execution(),
    )

    def cosine(changed: list[Example]) -> float:
        return _cosine(gradient(loss, changed), truth)

    def kept(top: int, samples: int) -> list[Example]:
        sizes = {"temperature": temperature, "top": top, "samples": samples}
        return [
            replace(e, soft=sparsify(e.soft.states, head, row_id=e.row_id, **sizes))
            for e in examples
        ]

    truth = gradient(loss, examples)
    rounded = [replace(e, soft=HiddenLabels(e.soft.states.bfloat16())) for e in examples]
    chosen = choose_sparsity(loss, [examples], top=64)
    found = {
        "hidden (bfloat16)": cosine(rounded),
        f"sparse ({chosen.top} + {chosen.samples})": cosine(kept(chosen.top, chosen.samples)),
        "top 64 renormalised": cosine(kept(64, 0)),
        "hard labels": cosine(kept(1, 0)),
    }
    line = "; ".join(f"{kind} {value:.4f}" for kind, value in found.items())
    assert found["hidden (bfloat16)"] > 0.999, line
    assert found[f"sparse ({chosen.top} + {chosen.samples})"] == chosen.cosine >= LEAST_COSINE, line


def test_the_fewest_draws_are_chosen(build: Build, rows: Rows, hidden: Hidden) -> None:
    teacher, student = build(512, seed=1), build(512, seed=2)
    batches = [hidden(teacher, rows(16, 512, seed=s)) for s in (0, 1)]
    head = teacher.lm_head.weight.detach() * 0.5
    loss = Loss(student, teacher_head=head, temperature=2.0)
    found = choose_sparsity(loss, batches, top=8)
    half = found.samples // 2
    short = [
        [
            replace(
                e,
                soft=sparsify(
                    e.soft.states, head, temperature=2.0, top=8, samples=half, row_id=e.row_id
                ),
            )
            for e in batch
        ]
        for batch in batches
    ]
    pairs = [
        (gradient(loss, sparse), gradient(loss, exact))
        for sparse, exact in zip(short, batches, strict=True)
    ]
    assert found.samples == 16 or min(_cosine(a, b) for a, b in pairs) < LEAST_COSINE
    assert all(p.grad is None for p in student.parameters()), "the student is left as it was"


def test_a_teacher_that_cannot_be_sampled_is_told(
    build: Build, rows: Rows, hidden: Hidden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raydoa.training.sparse.LEAST_COSINE", 1.1)
    teacher, student = build(64, seed=1), build(64, seed=2)
    head = teacher.lm_head.weight.detach()
    loss = Loss(student, teacher_head=head, temperature=2.0)
    with pytest.raises(UserError, match=r"sparse with top 4 and 64 draws .* use hidden"):
        choose_sparsity(loss, [hidden(teacher, rows(4))], top=4)
