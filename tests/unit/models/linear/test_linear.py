"""The linear floor: its n-grams, its loss, and what is kept of it."""

from pathlib import Path

import pytest
import torch

from raydoa.errors import UserError
from raydoa.models import FAMILIES
from raydoa.models.family import Opening
from raydoa.models.linear.grams import buckets_of
from raydoa.models.linear.model import LinearModel, LinearNetwork
from raydoa.models.lookup import family_at, shape_at
from raydoa.models.objective import Objective
from raydoa.training.batches import Example, collate
from raydoa.training.soft_labels import ClassLabels, WrittenLabels

CLASSES = ("NO", "YES", "may be")


@pytest.fixture
def model() -> LinearModel:
    torch.manual_seed(0)
    network = LinearNetwork(97, len(CLASSES))
    torch.nn.init.normal_(network.grams.weight, std=0.01)
    return LinearModel(network, CLASSES)


def test_n_grams_are_the_same_everywhere() -> None:
    """Buckets are part of what a saved model means."""
    assert buckets_of("Acid, acid", 1000, 100) == buckets_of("acid , ACID", 1000, 100)
    assert buckets_of("acid base", 1000, 3) == [917, 397, 659]
    assert buckets_of("", 1000, 9) == [1] and 0 not in buckets_of("a b c d e", 7, 99)


def test_gold_written_and_soft_rows_in_one_batch(model: LinearModel) -> None:
    teacher = torch.log_softmax(torch.randn(3), -1)[None]
    sources = model.source_ids(["acid base", "mix", "heat it now"], 8)
    batch = collate(
        [
            Example("a", sources[0], [1]),
            Example("b", sources[1], [2], WrittenLabels()),
            Example("c", sources[2], [0], ClassLabels(teacher)),
        ]
    )
    logits = model.network(batch.source, batch.source_mask)
    gold = torch.nn.functional.cross_entropy(logits[:1], torch.tensor([1]))
    written = torch.nn.functional.cross_entropy(logits[1:2], torch.tensor([2]))
    wanted, found = (teacher / 2).log_softmax(-1), (logits[2:] / 2).log_softmax(-1)
    soft = 4 * (wanted.exp() * (wanted - found)).sum()
    loss = model.loss(temperature=2.0, gold_weight=3.0)
    torch.testing.assert_close(loss(batch, 0.5), 0.5 * (3 * gold + written + soft))


def test_it_is_saved_and_opened_for_the_same_classes_alone(
    model: LinearModel, tmp_path: Path
) -> None:
    model.save(tmp_path)
    family = family_at(tmp_path)
    again = family.open(tmp_path, Opening(Objective("classes", CLASSES)))
    for one, other in zip(model.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert again.output_space == model.output_space == Objective("classes", CLASSES).fingerprint
    assert shape_at(tmp_path).parameters == 98 * 3
    with pytest.raises(UserError, match=r"of the classes NO, YES, may be; the task has YES, NO$"):
        family.open(tmp_path, Opening(Objective("classes", ("YES", "NO"))))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            '{"model_type": "hashed_ngrams", "classes": "YES"}',
            "classes: found 'YES'; expected a list",
        ),
        (
            '{"model_type": "hashed_ngrams", "classes": ["A", "B"], "buckets": 0}',
            "buckets: found 0",
        ),
    ],
)
def test_a_broken_config_is_named(tmp_path: Path, config: str, message: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(UserError, match=message):
        shape_at(tmp_path)


def test_broken_weights_are_named(model: LinearModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="cannot be loaded as a linear model"):
        family_at(tmp_path).open(tmp_path, Opening(Objective("classes", CLASSES)))


def test_a_target_that_is_no_class_is_named(model: LinearModel) -> None:
    with pytest.raises(UserError, match="target 'x' is none of the task's classes NO, YES, may be"):
        model.target_ids(["x"], 8, ["source"], 8)
    assert model.can_say(" yes ") and not model.can_say("x")


def test_it_begins_at_nothing() -> None:
    """Before any training every class is as likely as any other, whatever the seed."""
    made = FAMILIES.get("linear").initialize("linear", CLASSES, 3)
    rows = [Example("a", made.source_ids(["acid"], 8)[0], ())]
    (written,) = made.generate(rows, most_tokens=1, batch_size=1)
    assert written.log_probs is not None
    torch.testing.assert_close(written.log_probs.exp(), torch.full((1, 3), 1 / 3))
