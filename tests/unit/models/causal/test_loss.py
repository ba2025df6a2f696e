"""Losses, class scores and soft labels against plain forward passes of one row at a time."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional

from raydoa.errors import UserError
from raydoa.models.causal.loss import CausalLoss
from raydoa.models.causal.passes import SideBySide, class_scores
from raydoa.models.causal.plain import is_plain, says_plain
from raydoa.models.class_texts import ClassTexts
from raydoa.models.objective import Objective
from raydoa.training.batches import Example, collate
from raydoa.training.divergence import class_divergence
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.recipe import Execution, Recipe
from raydoa.training.soft_labels import ClassLabels, HiddenLabels
from raydoa.training.sparse import sparsify
from tests.unit.decoders import KINDS, PLAIN, decoder

Rows = Callable[..., list[Example]]
VOCABULARY = 40
TEXTS = {"no": [3, 1], "no answer": [3, 4, 5, 1], "yes": [6, 1]}
CLASSES = ClassTexts(
    Objective("classes", tuple(TEXTS)),
    lambda names: [TEXTS.get(name, [1]) for name in names],
    "a test",
)


def logits_of(network: Any, row: Example) -> torch.Tensor:
    """At each target token, of one row alone."""
    ids = torch.tensor([[*row.source_ids, *row.target_ids]])
    start = len(row.source_ids) - 1
    logits: torch.Tensor = network(input_ids=ids).logits[0]
    return logits[start : start + len(row.target_ids)]


def gradients(network: Any, loss: torch.Tensor) -> torch.Tensor:
    parameters = [p for p in network.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in found]).double()


def assert_same(network: Any, found: torch.Tensor, truth: torch.Tensor) -> None:
    torch.testing.assert_close(found, truth, rtol=2e-5, atol=1e-5)
    wanted = gradients(network, truth)
    assert float(wanted.norm()) > 0
    assert float((gradients(network, found) - wanted).norm() / wanted.norm()) < 1e-4


def _doubled(_module: Any, _inputs: Any, output: Any) -> Any:
    output.logits = output.logits * 2
    return output


@pytest.mark.parametrize("kind", KINDS)
def test_which_models_say_what_their_head_gives(kind: str) -> None:
    network = decoder(kind, VOCABULARY)
    assert is_plain(network) == says_plain(network.config.to_dict()) == (kind in PLAIN)


def test_a_model_is_asked_where_its_configuration_says_nothing() -> None:
    network = decoder("qwen3", VOCABULARY)
    network.register_forward_hook(_doubled)
    assert says_plain(network.config.to_dict()) and not is_plain(network)
    assert says_plain({"model_type": "gemma2", "final_logit_softcapping": None})
    assert not says_plain({"model_type": "gemma2"})


@pytest.mark.parametrize("kind", KINDS)
def test_gold_loss_is_cross_entropy_on_the_completion_alone(kind: str, rows: Rows) -> None:
    network, examples = decoder(kind, VOCABULARY), rows(7)
    truth = sum(
        functional.cross_entropy(
            logits_of(network, row), torch.tensor(row.target_ids), reduction="sum"
        )
        for row in examples
    )
    loss = CausalLoss(network, plain=kind in PLAIN)
    found = loss(collate(examples[:3]), 1.0) + loss(collate(examples[3:]), 1.0)
    assert isinstance(truth, torch.Tensor)
    assert_same(network, found, truth)


def naive_scores(network: Any, row: Example) -> torch.Tensor:
    scores = []
    for text in TEXTS.values():
        logits = logits_of(network, replace(row, target_ids=text))
        scores.append(-functional.cross_entropy(logits, torch.tensor(text), reduction="sum"))
    return torch.stack(scores)


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "whole"])
@pytest.mark.parametrize("left", [True, False], ids=["left", "right"])
@pytest.mark.parametrize("kind", KINDS)
def test_class_scores_are_those_of_each_text_after_its_prompt(
    kind: str, rows: Rows, left: bool, cached: bool
) -> None:
    network, examples = decoder(kind, VOCABULARY), rows(5)
    truth = torch.stack([naive_scores(network, row) for row in examples])
    batch = collate(examples)
    source, mask = batch.source, batch.source_mask
    if left:
        order = torch.argsort(mask, dim=1, stable=True)
        source, mask = source.gather(1, order), mask.gather(1, order)
    found = class_scores(network, source, mask, CLASSES, cached=cached)
    torch.testing.assert_close(found, truth, rtol=1e-4, atol=1e-4)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    assert_same(network, (found * weights).sum(), (truth * weights).sum())


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_loss_over_classes_is_that_of_the_naive_scores(rows: Rows, checkpointing: bool) -> None:
    network, examples = decoder("qwen3", VOCABULARY), rows(5)
    wanted = torch.log_softmax(torch.randn(5, 3, generator=torch.Generator().manual_seed(2)), -1)
    scores = torch.stack([naive_scores(network, row) for row in examples])
    truth = class_divergence(scores, wanted, 2.0)
    true_gradients = gradients(network, truth)
    loss = CausalLoss(
        network,
        plain=True,
        classes=CLASSES,
        temperature=2.0,
        activation_checkpointing=checkpointing,
    )
    soft = [replace(row, soft=ClassLabels(wanted[i : i + 1])) for i, row in enumerate(examples)]
    found = loss(collate(soft), 1.0)
    torch.testing.assert_close(found, truth, rtol=2e-5, atol=1e-5)
    assert float((gradients(network, found) - true_gradients).norm() / true_gradients.norm()) < 1e-4
    both = loss(collate([*soft, examples[0]]), 1.0)
    gold = loss(collate(examples[:1]), 1.0)
    torch.testing.assert_close(both, found + gold)


@pytest.mark.parametrize("kept", ["hidden", "sparse"])
@pytest.mark.parametrize(
    ("theirs", "ours"), [("qwen3", "llama"), ("llama", "gpt2"), ("gpt2", "qwen3")]
)
def test_stored_labels_give_the_exact_kl_to_the_live_teacher(
    theirs: str, ours: str, kept: str, rows: Rows
) -> None:
    teacher = decoder(theirs, VOCABULARY, seed=1)
    student, examples = decoder(ours, VOCABULARY, seed=2), rows(8)
    head = teacher.get_output_embeddings().weight.detach()
    truth = torch.zeros(())
    for row in examples:
        with torch.no_grad():
            wanted = torch.log_softmax(logits_of(teacher, row) / 2, -1)
        found = torch.log_softmax(logits_of(student, row) / 2, -1)
        truth = truth + 4 * functional.kl_div(found, wanted, log_target=True, reduction="sum")
    batch = collate(examples)
    with torch.no_grad():
        both = SideBySide(batch.source, batch.source_mask, batch.target, batch.target_mask)
        states = both.states(teacher)
    soft: list[Example] = []
    for i, row in enumerate(examples):
        own = states[i, : len(row.target_ids)].clone()
        sparse = sparsify(own, head, temperature=2.0, top=VOCABULARY, samples=0, row_id=row.row_id)
        soft.append(replace(row, soft=HiddenLabels(own) if kept == "hidden" else sparse))
    loss = CausalLoss(student, plain=True, teacher_head=head, temperature=2.0, chunk_tokens=7)
    order = [3, 0, 7, 2, 5, 1, 6, 4]
    found = sum(loss(collate([soft[i] for i in part]), 1.0) for part in (order[:3], order[3:]))
    assert isinstance(found, torch.Tensor)
    assert_same(student, found, truth)


def test_a_model_that_caps_its_logits_learns_no_states() -> None:
    with pytest.raises(
        UserError, match="Gemma2ForCausalLM changes what its head gives.*distil text"
    ):
        CausalLoss(
            decoder("gemma2", VOCABULARY), plain=False, teacher_head=torch.zeros(VOCABULARY, 4)
        )


def test_no_cut_of_a_batch_and_no_padding_changes_anything(rows: Rows) -> None:
    examples = rows(6)
    batch = collate(examples)
    garbage = replace(
        batch,
        source=batch.source.masked_fill(batch.source_mask == 0, 17),
        target=batch.target.masked_fill(~batch.target_mask, 23),
    )
    loss = CausalLoss(decoder("llama", VOCABULARY), plain=True)
    assert torch.equal(loss(batch, 1.0), loss(garbage, 1.0))


def test_rows_of_like_length_are_trained_together() -> None:
    chance = random.Random(0)
    rows = [
        Example(str(i), [3] * chance.randint(4, 24), [4] * chance.randint(1, 12))
        for i in range(400)
    ]
    network, read = decoder("qwen3", VOCABULARY), [0]

    def count(_module: Any, _inputs: Any, named: dict[str, torch.Tensor]) -> None:
        read[0] += named["input_ids"].numel()

    network.base_model.register_forward_pre_hook(count, with_kwargs=True)
    recipe = Recipe(learning_rate=1e-3, batch_size=10, epochs=1)
    engine = PlainEngine(CausalLoss(network, plain=True), recipe, 40)
    # In turn, so that both kinds of batches are seen.
    means = Execution()
    fit(engine, rows[:200], then=rows[200:], batch_size=10, steps=40, seed=0, execution=means)
    assert read[0] < 1.1 * sum(len(row.source_ids) + len(row.target_ids) for row in rows)
