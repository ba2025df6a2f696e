"""Encoders of real architectures with random weights: opened, trained, asked and saved."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from raydoa.errors import UserError
from raydoa.models.family import Model, Opening
from raydoa.models.lookup import family_at, shape_at
from raydoa.models.objective import Objective
from raydoa.training.batches import Example, collate
from raydoa.training.soft_labels import ClassLabels
from tests.unit.encoders import KINDS, write_encoder

CLASSES = Objective("classes", ("YES", "NO", "maybe"))
ENTITIES = Objective("entities", ("Action", "Reagent"))
SOURCES = ["tiny: acid base salt water", "tiny: mix", "tiny: heat cool spin"]


def opened(folder: Path, objective: Objective = CLASSES, **options: Any) -> Model:
    model = family_at(folder).open(folder, Opening(objective, **options))
    model.network.eval()
    return model


def examples(model: Model, targets: list[str]) -> list[Example]:
    sources = model.source_ids(SOURCES, 16)
    ids = model.target_ids(targets, 8, SOURCES, 16)
    return [
        Example(str(i), source, target)
        for i, (source, target) in enumerate(zip(sources, ids, strict=True))
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_its_loss_is_that_of_transformers(tmp_path: Path, kind: str) -> None:
    model = opened(write_encoder(tmp_path / kind, kind))
    batch = collate(examples(model, ["YES", "no", " Maybe "]))
    loss = model.loss()
    loss.eval()
    found = loss(batch, 1 / 3)
    theirs = model.network(
        input_ids=torch.where(batch.source_mask.bool(), batch.source, model.network.config.pad_token_id),
        attention_mask=batch.source_mask,
        labels=torch.tensor([0, 1, 2]),
    ).loss  # fmt: skip
    torch.testing.assert_close(found, theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", [CLASSES, ENTITIES], ids=lambda objective: objective.kind)
def test_a_row_is_the_same_alone_and_in_a_batch(
    tmp_path: Path, kind: str, objective: Objective
) -> None:
    model = opened(write_encoder(tmp_path / kind, kind), objective)
    rows = [Example(str(i), ids, ()) for i, ids in enumerate(model.source_ids(SOURCES, 16))]
    together = {g.row_id: g for g in model.generate(rows, most_tokens=8, batch_size=3)}
    alone = {g.row_id: g for g in model.generate(rows, most_tokens=8, batch_size=1)}
    assert together.keys() == alone.keys() == {"0", "1", "2"}
    for row in rows:
        one, other = together[row.row_id].log_probs, alone[row.row_id].log_probs
        assert one is not None and other is not None
        positions = 1 if objective is CLASSES else len(row.source_ids)
        assert one.shape == (positions, 3 if objective is CLASSES else 5)
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(one.exp().sum(-1), torch.ones(positions))


@pytest.mark.parametrize("objective", [CLASSES, ENTITIES], ids=lambda objective: objective.kind)
def test_distillation_against_a_live_teacher(tmp_path: Path, objective: Objective) -> None:
    """Value and gradient, at a temperature, from what is stored of the teacher."""
    teacher = opened(write_encoder(tmp_path / "t", seed=0), objective, seed=1)
    student = opened(write_encoder(tmp_path / "s", "modernbert"), objective, seed=2)
    rows = [Example(str(i), ids, ()) for i, ids in enumerate(teacher.source_ids(SOURCES, 16))]
    stored = {g.row_id: g for g in teacher.generate(rows, most_tokens=8, batch_size=2)}
    soft = []
    for row in rows:
        labels = stored[row.row_id].log_probs
        assert labels is not None
        ids = stored[row.row_id].target_ids
        soft.append(Example(row.row_id, row.source_ids, ids, ClassLabels(labels)))
    loss = student.loss(temperature=2.0)
    loss.eval()
    batch = collate(soft)
    found = loss(batch, 1.0)
    found.backward()
    gradients = [p.grad.clone() for p in student.network.parameters() if p.grad is not None]
    student.network.zero_grad()
    with torch.no_grad():
        wanted = teacher.network(input_ids=batch.source, attention_mask=batch.source_mask).logits
    logits = student.network(input_ids=batch.source, attention_mask=batch.source_mask).logits
    if objective is ENTITIES:
        real = batch.source_mask.bool()
        wanted, logits = wanted[real], logits[real]
    exact = 4.0 * functional.kl_div(
        (logits / 2).log_softmax(-1), (wanted / 2).log_softmax(-1), reduction="sum", log_target=True
    )
    exact.backward()
    torch.testing.assert_close(found, exact, atol=1e-6, rtol=1e-4)
    live = [p.grad for p in student.network.parameters() if p.grad is not None]
    torch.testing.assert_close(gradients, live, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_saved_as_transformers_reads_it(tmp_path: Path, kind: str) -> None:
    model = opened(write_encoder(tmp_path / kind, kind))
    model.save(tmp_path / "saved")
    again = opened(tmp_path / "saved", seed=7)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    batch = collate(examples(model, ["YES", "YES", "NO"]))
    logits = [
        network(input_ids=batch.source, attention_mask=batch.source_mask).logits
        for network in (model.network, again.network, theirs)
    ]
    torch.testing.assert_close(logits[0], logits[1])
    torch.testing.assert_close(logits[0], logits[2])
    assert theirs.config.id2label == dict(enumerate(CLASSES.names))
    assert model.texts([(2,), (0,)], ["", ""]) == ["maybe", "YES"]


def test_a_tagger_says_what_it_has_learnt(tmp_path: Path) -> None:
    model = opened(write_encoder(tmp_path / "bert"), ENTITIES)
    targets = ["acid base [Reagent]", "mix [Action]", "heat [Action] spin [Action]"]
    ids = model.target_ids(targets, 8, SOURCES, 16)
    assert [len(row) for row in ids] == [len(row) for row in model.source_ids(SOURCES, 16)]
    assert model.texts(ids, SOURCES) == targets
    model.save(tmp_path / "saved")
    theirs = AutoModelForTokenClassification.from_pretrained(tmp_path / "saved")
    assert theirs.config.id2label[1] == "B-Action"


def test_a_heads_weights_are_those_of_the_seed(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "bert")
    weights = [
        opened(folder, seed=seed).network.get_parameter("classifier.weight") for seed in (1, 1, 2)
    ]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_dropout_is_the_recipes(tmp_path: Path) -> None:
    for kind in KINDS:
        model = opened(write_encoder(tmp_path / kind, kind), dropout=0.25)
        drops = {m.p for m in model.network.modules() if isinstance(m, torch.nn.Dropout)}
        assert drops <= {0.25}, kind


def test_a_target_that_is_no_class_is_named(tmp_path: Path) -> None:
    model = opened(write_encoder(tmp_path / "bert"))
    with pytest.raises(UserError, match=r"^target 'yess' is none of the task's classes YES, NO, "):
        examples(model, ["YES", "NO", "yess"])


def test_a_body_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_encoder(tmp_path / "bert")
    weights = load_file(folder / "model.safetensors")
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        UserError, match=r"its weights lack 1 tensors of its config, such as bert\.encoder"
    ):
        opened(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_its_size_is_read_from_its_config(tmp_path: Path, kind: str) -> None:
    """Biases and norms, which are left out, are much of so small a model."""
    folder = write_encoder(tmp_path / kind, kind)
    network = opened(folder).network
    matrices = sum(p.numel() for p in network.parameters() if p.dim() > 1)
    assert shape_at(folder).parameters == pytest.approx(matrices, rel=0.12)
