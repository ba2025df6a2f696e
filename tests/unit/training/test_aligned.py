"""Aligned labels against two live models and plain autograd over all logits."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import T5ForConditionalGeneration

from raydoa.errors import UserError
from raydoa.models.seq2seq.loss import Seq2SeqLoss as Loss
from raydoa.models.seq2seq.loss import decoder_input, decoder_states
from raydoa.training.aligned import AlignedTeacher
from raydoa.training.batches import Example, collate
from raydoa.training.divergence import Divergence
from raydoa.training.shards import AlignedShard, Shard, write_shard
from raydoa.training.soft_labels import (
    AlignedLabels,
    HiddenLabels,
    LabelledRow,
    ShardFacts,
    SharedTokens,
    WrittenLabels,
    check_teacher,
)
from raydoa.training.tensor_file import RaggedFile, write_ragged

Build = Callable[..., T5ForConditionalGeneration]
Rows = Callable[..., list[Example]]
THEIRS, OURS = 40, 30


def _shared(seed: int, count: int) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    sides = [torch.randperm(size, generator=chance)[:count] for size in (THEIRS, OURS)]
    return torch.stack(sides, dim=1)


def _logits(model: T5ForConditionalGeneration, examples: list[Example]) -> torch.Tensor:
    batch = collate(examples)
    logits: torch.Tensor = model(
        input_ids=batch.source, attention_mask=batch.source_mask, decoder_input_ids=decoder_input(batch)
    ).logits  # fmt: skip
    return logits


class Pair:
    """A teacher and a student of two vocabularies, and rows of which every other token meets the teacher's."""

    def __init__(self, build: Build, rows: Rows, shared: SharedTokens, count: int = 6) -> None:
        self.teacher = build(THEIRS, seed=1).eval()
        self.student = build(OURS, d_model=8, seed=2)
        self.shared = shared
        self.theirs, self.ours = rows(count, THEIRS, seed=3), rows(count, OURS, seed=4)
        self.labels = []
        with torch.no_grad():
            states = decoder_states(self.teacher, collate(self.theirs))
        for row, (mine, yours) in enumerate(zip(self.ours, self.theirs, strict=True)):
            places = torch.arange(0, min(len(mine.target_ids), len(yours.target_ids)), 2)
            first = (places == 0) & (shared.first is not None)
            self.labels.append(AlignedLabels(states[row, places].clone(), places, first))

    @property
    def examples(self) -> list[Example]:
        return [replace(one, soft=soft) for one, soft in zip(self.ours, self.labels, strict=True)]

    def loss(self, temperature: float, **options: Any) -> Loss:
        head = self.teacher.lm_head.weight.detach()
        return Loss(
            self.student, teacher_head=head, shared=self.shared, temperature=temperature, **options
        )

    def live(self, temperature: float) -> torch.Tensor:
        """The loss from both models' logits."""
        with torch.no_grad():
            theirs = _logits(self.teacher, self.theirs)
        ours = _logits(self.student, self.ours)
        total = torch.zeros(())
        for row, (example, labels) in enumerate(zip(self.ours, self.labels, strict=True)):
            firsts = dict(zip(labels.places.tolist(), labels.first.tolist(), strict=True))
            for place, target in enumerate(example.target_ids):
                found = torch.log_softmax(ours[row, place], -1)
                if place not in firsts:
                    total = total - found[target]
                    continue
                pairs = self.shared.first if firsts[place] else self.shared.inside
                assert pairs is not None
                wanted = theirs[row, place][pairs[:, 0]] / temperature
                which = ours[row, place][pairs[:, 1]] / temperature
                total = total - found[pairs[:, 1]].exp().sum().log()
                total = total + temperature**2 * functional.kl_div(
                    which.log_softmax(-1), wanted.log_softmax(-1), reduction="sum", log_target=True
                )
        return total


def _gradient(model: torch.nn.Module, loss: torch.Tensor) -> torch.Tensor:
    parameters = list(model.parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([one.flatten() for one in found]).double()


def _same(pair: Pair, found: torch.Tensor, truth: torch.Tensor) -> None:
    torch.testing.assert_close(found, truth, rtol=2e-5, atol=1e-5)
    gradients = [_gradient(pair.student, loss) for loss in (found, truth)]
    assert (gradients[0] - gradients[1]).norm() < 1e-4 * gradients[1].norm()


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("first", [False, True], ids=["one table", "another for the first"])
def test_the_loss_and_its_gradient_are_those_of_two_live_models(
    build: Build, rows: Rows, first: bool, temperature: float
) -> None:
    shared = SharedTokens(_shared(0, 17), _shared(1, 11) if first else None)
    pair = Pair(build, rows, shared)
    found = pair.loss(temperature, chunk_tokens=3)(collate(pair.examples), 1.0)
    _same(pair, found, pair.live(temperature))


def test_gold_and_written_rows_teach_beside_them(build: Build, rows: Rows) -> None:
    pair = Pair(build, rows, SharedTokens(_shared(0, 17)))
    kinds = [None, WrittenLabels(), *pair.labels[2:]]
    mixed = [replace(one, soft=soft) for one, soft in zip(pair.ours, kinds, strict=True)]
    found = pair.loss(2.0, gold_weight=0.5)(collate(mixed), 1.0)
    nothing = torch.zeros(0, dtype=torch.long)
    for row in (0, 1):
        none = pair.labels[row].states[:0]
        pair.labels[row] = AlignedLabels(none, nothing, nothing.bool())
    logits = _logits(pair.student, pair.ours)[0, : len(pair.ours[0].target_ids)]
    gold = functional.cross_entropy(
        logits, torch.tensor(list(pair.ours[0].target_ids)), reduction="sum"
    )
    _same(pair, found, pair.live(2.0) - 0.5 * gold)


def test_where_nothing_meets_it_is_the_cross_entropy(build: Build, rows: Rows) -> None:
    pair = Pair(build, rows, SharedTokens(torch.tensor([[1, 1]])))
    nothing = torch.zeros(0, dtype=torch.long)
    pair.labels = [AlignedLabels(one.states[:0], nothing, nothing.bool()) for one in pair.labels]
    loss = pair.loss(2.0, chunk_tokens=4)
    written = [replace(one, soft=WrittenLabels()) for one in pair.ours]
    _same(pair, loss(collate(pair.examples), 1.0), loss(collate(written), 1.0))


def test_with_all_tokens_in_common_it_is_the_exact_divergence(build: Build, rows: Rows) -> None:
    """Of one vocabulary in two orders."""
    teacher, student = build(OURS, seed=1).eval(), build(OURS, d_model=8, seed=2)
    examples = rows(6, OURS)
    order = torch.randperm(OURS, generator=torch.Generator().manual_seed(0))
    head = teacher.lm_head.weight.detach()
    with torch.no_grad():
        states = decoder_states(teacher, collate(examples))
    exact, aligned = [], []
    for row, example in enumerate(examples):
        mine = states[row, : len(example.target_ids)].clone()
        places = torch.arange(len(mine))
        exact.append(replace(example, soft=HiddenLabels(mine)))
        aligned.append(
            replace(example, soft=AlignedLabels(mine, places, torch.zeros(len(mine)).bool()))
        )
    truth = Loss(student, teacher_head=head, temperature=2.0)(collate(exact), 1.0)
    # The teacher's id of the student's i is the place of i in its order.
    shared = SharedTokens(torch.stack([torch.argsort(order), torch.arange(OURS)], dim=1))
    loss = Loss(student, teacher_head=head[order], shared=shared, temperature=2.0)
    found = loss(collate(aligned), 1.0)
    torch.testing.assert_close(found, truth, rtol=2e-5, atol=1e-5)
    gradients = [_gradient(student, one) for one in (found, truth)]
    assert (gradients[0] - gradients[1]).norm() < 1e-4 * gradients[1].norm()


def test_a_teacher_that_is_sure_gives_the_cross_entropy() -> None:
    torch.manual_seed(0)
    states, weight = torch.randn(4, 3), torch.randn(OURS, 3)
    pairs = _shared(0, 12)
    written = pairs[[2, 5, 0, 11]]
    head = torch.eye(THEIRS)
    hidden = 1e4 * functional.one_hot(written[:, 0], THEIRS).float()
    teacher = AlignedTeacher(hidden, head[pairs[:, 0]], pairs[:, 1])
    found = Divergence.apply(states, weight, teacher, 1.0, 3)
    truth = functional.cross_entropy(states @ weight.T, written[:, 1], reduction="sum")
    torch.testing.assert_close(found, truth)


def test_no_row_of_a_head_is_held_that_is_not_shared(build: Build, rows: Rows) -> None:
    pair = Pair(build, rows, SharedTokens(_shared(0, 5), _shared(1, 3)))
    loss = pair.loss(2.0)
    assert loss.teacher_head is None
    sizes = sorted(len(buffer) for name, buffer in loss.named_buffers() if "_shared" in name)
    assert sizes == [3, 3, 5, 5]


def test_a_shard_gives_each_student_what_meets(tmp_path: Path) -> None:
    facts = ShardFacts("aligned", "float32", THEIRS, None, "t", "c", "v")
    states = [torch.randn(count, 3) for count in (3, 2, 1)]
    labelled = [
        LabelledRow(f"{i}", "", tuple(range(len(one))), HiddenLabels(one))
        for i, one in enumerate(states)
    ]
    write_shard(labelled, facts, tmp_path)
    met = [[0, -1, 2, -1], [-1], [-1, 0]]
    flat = torch.tensor([one for row in met for one in row], dtype=torch.int32)
    first = torch.zeros(7, dtype=torch.int32)
    first[[0, 6]] = 1
    write_ragged(tmp_path / "ours", [[5] * len(row) for row in met], teacher=flat, first=first)
    write_ragged(tmp_path / "sources", [[1], [2, 2], [3]])
    files = [RaggedFile(tmp_path / name) for name in ("sources", "ours")]
    rows = AlignedShard(Shard(tmp_path), files[0], torch.tensor([2, 0, 1]).numpy(), files[1])
    assert (rows.aligned, rows.positions) == (3, 7)
    assert [list(row.source_ids) for row in rows] == [[3], [1], [2, 2]]
    assert [len(row.target_ids) for row in rows] == [4, 1, 2]
    soft = [row.soft for row in rows]
    assert torch.equal(soft[0].states, states[0][[0, 2]]) and torch.equal(soft[2].states, states[2])
    assert [one.places.tolist() for one in soft] == [[0, 2], [], [1]]
    assert [one.first.tolist() for one in soft] == [[True, False], [], [True]]
    starts = [0, 4, 5, 7]
    assert [b - a for a, b in pairwise(starts)] == rows.lengths[:, 1].tolist()


def test_labels_over_other_tokens_than_the_teachers_are_refused() -> None:
    facts = ShardFacts("aligned", "float32", THEIRS, None, "big", "c", "their tokens")
    check_teacher(facts, student="small", vocabulary=THEIRS, tokenizer="their tokens")
    for vocabulary, tokenizer in ((THEIRS, "others"), (OURS, "their tokens")):
        with pytest.raises(UserError, match=rf"small are over {THEIRS} .* big has {vocabulary} of"):
            check_teacher(facts, student="small", vocabulary=vocabulary, tokenizer=tokenizer)
