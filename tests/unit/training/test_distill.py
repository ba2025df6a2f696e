"""The loss from stored hidden states against the exact KL from the live teacher, over 32,128 tokens."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import T5ForConditionalGeneration

from raydoa.errors import UserError
from raydoa.models.seq2seq.loss import Seq2SeqLoss as Loss
from raydoa.models.seq2seq.loss import decoder_input
from raydoa.training.batches import Example, MicroBatch, collate
from raydoa.training.divergence import Divergence, HiddenTeacher, SparseTeacher
from raydoa.training.shards import write_shard
from raydoa.training.soft_labels import (
    HiddenLabels,
    LabelledRow,
    ShardFacts,
    SparseLabels,
)
from raydoa.training.sparse import sparsify
from tests.shards import rows_of

T5_VOCABULARY = 32128

Build = Callable[..., T5ForConditionalGeneration]
Rows = Callable[..., list[Example]]
Hidden = Callable[[T5ForConditionalGeneration, list[Example]], list[Example]]


def _logits(model: T5ForConditionalGeneration, batch: MicroBatch) -> torch.Tensor:
    return model(
        input_ids=batch.source,
        attention_mask=batch.source_mask,
        decoder_input_ids=decoder_input(batch),
    ).logits


def _exact(
    teacher: T5ForConditionalGeneration,
    student: T5ForConditionalGeneration,
    examples: list[Example],
    temperature: float,
) -> torch.Tensor:
    """T^2 KL(teacher || student) at temperature T, a mean over real tokens, from both models' logits."""
    batch = collate(examples)
    with torch.no_grad():
        wanted = torch.log_softmax(_logits(teacher, batch) / temperature, dim=-1)
    found = torch.log_softmax(_logits(student, batch) / temperature, dim=-1)
    divergence = (wanted.exp() * (wanted - found)).sum(-1) * batch.target_mask
    return temperature**2 * divergence.sum() / batch.target_mask.sum()


def _gradients(model: T5ForConditionalGeneration, loss: torch.Tensor) -> list[torch.Tensor]:
    parameters = [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return list(found)


def _relative(found: list[torch.Tensor], truth: list[torch.Tensor]) -> float:
    both = [torch.cat([g.flatten() for g in gs]).double() for gs in (found, truth)]
    return float((both[0] - both[1]).norm() / both[1].norm())


def _sharpen(teacher: T5ForConditionalGeneration, by: float) -> None:
    """Scale the logits, whether or not the head is the embedding as well."""
    with torch.no_grad():
        teacher.decoder.final_layer_norm.weight.mul_(by)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("sharpness", [0.05, 3.0], ids=["flat", "peaked"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_hidden_labels_give_the_exact_loss_and_gradient(
    build: Build,
    rows: Rows,
    hidden: Hidden,
    tmp_path: Path,
    tied: bool,
    sharpness: float,
    temperature: float,
) -> None:
    teacher = build(T5_VOCABULARY, seed=1, tied=tied).eval()
    # Untied, the logits have a deviation of about 4; tied ones are scaled by d_model ** -0.5.
    _sharpen(teacher, sharpness * (4 if tied else 1))
    student = build(T5_VOCABULARY, d_model=8, seed=2, tied=not tied)
    examples = rows(8, T5_VOCABULARY)
    truth = _exact(teacher, student, examples, temperature)

    soft = hidden(teacher, examples)
    facts = ShardFacts("hidden", "float32", T5_VOCABULARY, None, "t", "c", "v")
    write_shard(
        [LabelledRow(e.row_id, "", tuple(e.target_ids), e.soft) for e in soft], facts, tmp_path
    )
    stored = {row.row_id: row.soft for row in rows_of(tmp_path)}
    # Other neighbours, another order, other padding: labels follow their rows.
    order = [3, 0, 7, 2, 5, 1, 6, 4]
    parts = [[examples[i] for i in order[:3]], [examples[i] for i in order[3:]]]
    tokens = sum(len(example.target_ids) for example in examples)
    head = teacher.lm_head.weight.detach()
    loss = Loss(student, teacher_head=head, temperature=temperature, chunk_tokens=7)
    total = sum(
        loss(collate([replace(e, soft=stored[e.row_id]) for e in part]), 1 / tokens)
        for part in parts
    )
    assert isinstance(total, torch.Tensor)
    torch.testing.assert_close(total, truth, rtol=2e-5, atol=1e-6)
    assert _relative(_gradients(student, total), _gradients(student, truth)) < 1e-4


def test_bfloat16_states_stay_close(build: Build, rows: Rows, hidden: Hidden) -> None:
    teacher, student = build(512, seed=1), build(512, d_model=8, seed=2)
    examples = rows(16, 512)
    truth = _gradients(student, _exact(teacher.eval(), student, examples, 2.0))
    rounded = [
        replace(e, soft=HiddenLabels(e.soft.states.bfloat16())) for e in hidden(teacher, examples)
    ]
    loss = Loss(student, teacher_head=teacher.lm_head.weight.detach(), temperature=2.0)
    tokens = sum(len(example.target_ids) for example in examples)
    assert _relative(_gradients(student, loss(collate(rounded), 1 / tokens)), truth) < 0.01


class _Largest(TorchDispatchMode):
    """The most numbers that any tensor made inside has."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, torch.Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return made


@pytest.mark.parametrize("kind", ["hidden", "sparse"])
def test_no_tensor_holds_the_vocabulary_for_every_token(
    build: Build, rows: Rows, hidden: Hidden, kind: str
) -> None:
    teacher, student = build(T5_VOCABULARY, seed=1), build(T5_VOCABULARY, d_model=8, seed=2)
    examples = hidden(teacher, rows(32, T5_VOCABULARY, longest=12))
    tokens = sum(len(example.target_ids) for example in examples)
    head = teacher.lm_head.weight.detach()
    if kind == "sparse":
        sizes = {"temperature": 2.0, "top": 8, "samples": 8}
        examples = [
            replace(e, soft=sparsify(e.soft.states, head, row_id=e.row_id, **sizes))
            for e in examples
        ]
    chunk = 16
    assert tokens > 8 * chunk
    loss = Loss(student, teacher_head=head, temperature=2.0, chunk_tokens=chunk)
    with _Largest() as largest:
        loss(collate(examples), 1 / tokens).backward()
    # The student's own head, and the teacher's, are the chunk's size here; nothing is larger.
    assert largest.numbers == chunk * T5_VOCABULARY


def test_gradients_of_the_divergence_against_finite_differences() -> None:
    torch.manual_seed(0)
    double = {"dtype": torch.float64}
    states = torch.randn(5, 3, requires_grad=True, **double)
    weight = torch.randn(11, 3, requires_grad=True, **double)
    hidden, head = torch.randn(5, 4, **double), torch.randn(11, 4, **double)

    def reference(states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        wanted = torch.log_softmax(hidden @ head.T / 2, -1)
        found = torch.log_softmax(states @ weight.T / 2, -1)
        return functional.kl_div(found, wanted, log_target=True, reduction="sum")

    teacher = HiddenTeacher(hidden, head)
    found = Divergence.apply(states, weight, teacher, 2.0, 2)
    truth = reference(states, weight)
    torch.testing.assert_close(found.double(), truth, rtol=1e-5, atol=1e-6)
    for a, b in zip(
        torch.autograd.grad(found, [states, weight]),
        torch.autograd.grad(truth, [states, weight]),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_a_sparse_label_of_every_token_is_exact() -> None:
    torch.manual_seed(0)
    states, weight = torch.randn(5, 3, requires_grad=True), torch.randn(11, 3, requires_grad=True)
    hidden, head = torch.randn(5, 4), torch.randn(11, 4)
    full = sparsify(hidden, head, temperature=2.0, top=11, samples=0, row_id="a")
    sparse = SparseTeacher(full.tokens, full.weights, full.entropy)
    exact = HiddenTeacher(hidden, head)
    values, gradients = [], []
    for teacher in (exact, sparse):
        value = Divergence.apply(states, weight, teacher, 2.0, 4)
        values.append(value)
        gradients.append(torch.autograd.grad(value, [states, weight]))
    torch.testing.assert_close(values[0], values[1])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_a_certain_teacher_and_a_wrong_student_give_finite_gradients() -> None:
    states = torch.tensor([[200.0, 0.0]], requires_grad=True)
    weight = torch.eye(2).mul(5.0).requires_grad_()
    teacher = HiddenTeacher(torch.tensor([[0.0, 1000.0]]), torch.eye(2))
    value = Divergence.apply(states, weight, teacher, 1.0, 8)
    value.backward()
    assert float(value.detach()) == pytest.approx(1000.0)
    assert states.grad is not None and bool(torch.isfinite(states.grad).all())


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_gold_loss_is_cross_entropy_over_real_tokens(build: Build, rows: Rows, tied: bool) -> None:
    model = build(tied=tied)
    batch = collate(rows(9))
    labels = batch.target.masked_fill(~batch.target_mask, -100)
    truth = model(input_ids=batch.source, attention_mask=batch.source_mask, labels=labels).loss
    found = Loss(model)(batch, 1 / int(batch.target_mask.sum()))
    torch.testing.assert_close(found, truth)
    assert _relative(_gradients(model, found), _gradients(model, truth)) < 1e-5


def test_mismatches_name_both_sides(build: Build, rows: Rows) -> None:
    with pytest.raises(UserError, match=r"vocabulary of 65 and the student has 64"):
        Loss(build(64), teacher_head=torch.zeros(65, 4))
    labels = SparseLabels(
        torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1), torch.zeros(2), 1.0
    )
    example = Example("a", [5, 1], [5, 1], labels)
    with pytest.raises(UserError, match="sampled at temperature 1 and the recipe distils at 2"):
        Loss(build(64), temperature=2.0)(collate([example]), 1.0)


def test_a_loaded_model_is_put_into_training_mode(build: Build) -> None:
    model = build().eval()
    Loss(model)
    assert model.training


@pytest.mark.parametrize("kind", ["hidden", "sparse"])
@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_gold_and_soft_rows_add_up_in_one_batch(
    build: Build, rows: Rows, hidden: Hidden, kind: str, weight: float
) -> None:
    teacher, student = build(seed=1), build(d_model=8, seed=2)
    examples = rows(9)
    gold, head = examples[5:], teacher.lm_head.weight.detach()
    soft = hidden(teacher, examples[:5])
    distance = _exact(teacher, student, examples[:5], 2.0)
    if kind == "sparse":
        # Every token is kept, so the labels are exact.
        soft = [
            replace(
                e,
                soft=sparsify(
                    e.soft.states, head, temperature=2.0, top=64, samples=0, row_id=e.row_id
                ),
            )
            for e in soft
        ]
    of_soft, of_gold = (sum(len(e.target_ids) for e in part) for part in (soft, gold))
    batch = collate(gold)
    labels = batch.target.masked_fill(~batch.target_mask, -100)
    entropy = student(input_ids=batch.source, attention_mask=batch.source_mask, labels=labels).loss
    # Each of the two is a mean over its own tokens; the loss is one over all of them.
    truth = (of_soft * distance + weight * of_gold * entropy) / (of_soft + of_gold)

    loss = Loss(student, teacher_head=head, temperature=2.0, gold_weight=weight, chunk_tokens=3)
    both = [soft[0], gold[0], gold[1], soft[1], soft[2], gold[2], soft[3], soft[4], gold[3]]
    wanted = _gradients(student, truth)
    for cut in (9, 4, 2, 1):
        parts = [both[start : start + cut] for start in range(0, 9, cut)]
        found = sum(loss(collate(part), 1 / (of_soft + of_gold)) for part in parts)
        assert isinstance(found, torch.Tensor)
        torch.testing.assert_close(found, truth, rtol=2e-5, atol=1e-6)
        assert _relative(_gradients(student, found), wanted) < 1e-4
