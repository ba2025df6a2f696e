"""Losses, states and class scores of encoder-decoders that are no T5, against transformers' own logits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from raydoa.models.seq2seq.loss import class_scores, decoder_states
from raydoa.training.batches import collate
from raydoa.training.soft_labels import ClassLabels, HiddenLabels
from tests.unit.checkpoints import write_checkpoint
from tests.unit.models.seq2seq.kinds import (
    CLASSES,
    KINDS,
    TEXTS,
    examples,
    gradients,
    live_logits,
    opened,
)


@pytest.mark.parametrize("kind", KINDS)
def test_gold_loss_is_cross_entropy_of_each_row_alone(
    folder: Callable[[str], Path], kind: str
) -> None:
    model = opened(folder(kind))
    batch = examples(model)
    wanted = sum(
        torch.nn.functional.cross_entropy(
            live_logits(model.network, row), torch.tensor(list(row.target_ids)), reduction="sum"
        )
        for row in batch
    )
    assert isinstance(wanted, torch.Tensor)
    truth = gradients(model.network, wanted)
    loss = model.loss()
    model.network.eval()
    found = loss(collate(batch), 1.0)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradients(model.network, found), truth, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_states_that_are_kept_give_the_models_own_logits(
    folder: Callable[[str], Path], kind: str
) -> None:
    """As `distil` reads them: the head from its file, the states of all that was written."""
    model = opened(folder(kind))
    ends = set()
    for one in model.generate(examples(model), most_tokens=5, batch_size=3):
        row = replace(examples(model)[int(one.row_id)], target_ids=one.target_ids)
        with torch.no_grad():
            wanted = live_logits(model.network, row)
        assert one.states is not None
        torch.testing.assert_close(one.states @ model.head.T, wanted, rtol=1e-3, atol=1e-3)
        assert list(one.target_ids) == wanted.argmax(-1).tolist()
        ends.add(one.target_ids)
    assert len(ends) > 1


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize(
    ("teacher", "student"),
    [("bart 1", "bart"), ("mt5 1", "mt5"), ("umt5 1", "mt5"), ("marian 1", "marian"), ("marian 1", "pegasus"), ("pegasus", "marian")],
)  # fmt: skip
def test_distillation_is_the_kl_to_the_live_teacher(
    folder: Callable[[str], Path], teacher: str, student: str, temperature: float
) -> None:
    taught, learns = opened(folder(teacher)), opened(folder(student))
    batch = examples(learns)
    wanted = torch.zeros(())
    for row in batch:
        with torch.no_grad():
            theirs = torch.log_softmax(live_logits(taught.network, row) / temperature, -1)
        ours = torch.log_softmax(live_logits(learns.network, row) / temperature, -1)
        wanted = wanted + temperature**2 * (theirs.exp() * (theirs - ours)).sum()
    truth = gradients(learns.network, wanted)
    with torch.no_grad():
        states = decoder_states(taught.network, collate(batch))
    soft = [
        replace(row, soft=HiddenLabels(states[i, : len(row.target_ids)].clone()))
        for i, row in enumerate(batch)
    ]
    loss = learns.loss(teacher_head=taught.head, temperature=temperature, chunk_tokens=7)
    learns.network.eval()
    found = loss(collate(soft), 1.0)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    relative = (gradients(learns.network, found) - truth).norm() / truth.norm()
    assert float(relative) < 1e-4


@pytest.mark.parametrize("kind", ["t5", *KINDS])
def test_class_scores_are_those_of_a_pass_for_each_class(
    folder: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    place = write_checkpoint(tmp_path / "t5") if kind == "t5" else folder(kind)
    model = opened(place, objective=CLASSES)
    batch = examples(model)
    of_classes = model.target_ids(CLASSES.names, 64, TEXTS, 64)
    scores = []
    for row in batch:
        for ids in of_classes:
            logits = live_logits(model.network, replace(row, target_ids=ids))
            scores.append(torch.log_softmax(logits, -1)[range(len(ids)), ids].sum())
    wanted = torch.stack(scores).view(len(batch), len(CLASSES.names))
    found = class_scores(model.network, collate(batch), model._classes)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    of_rows = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0))
    truth = gradients(model.network, (wanted * of_rows).sum())
    relative = (gradients(model.network, (found * of_rows).sum()) - truth).norm() / truth.norm()
    assert float(relative) < 1e-4
    for one in model.generate(batch, most_tokens=1, batch_size=3):
        theirs = torch.log_softmax(wanted[int(one.row_id)].detach(), -1)
        torch.testing.assert_close(one.log_probs[0], theirs, rtol=1e-3, atol=1e-3)
    soft = [replace(row, soft=ClassLabels(torch.log_softmax(of_rows[i : i + 1], -1))) for i, row in enumerate(batch)]  # fmt: skip
    assert float(model.loss(temperature=2.0)(collate(soft), 1.0)) > 0
