"""Tasks and tokenizers that fit a model badly: what comes of them is what would be expected, or one line says why not."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from raydoa.errors import UserError
from raydoa.models.family import Model, Opening
from raydoa.models.lookup import family_at
from raydoa.models.objective import Objective
from raydoa.training.batches import Example, collate
from tests.unit.checkpoints import write_checkpoint
from tests.unit.decoders import SHORT, write_decoder
from tests.unit.seq2seqs import write_multilingual, write_seq2seq

_WRITTEN: dict[str, Callable[[Path], Path]] = {
    "t5": write_checkpoint,
    "mt5": lambda folder: write_multilingual(folder, "mt5"),
    "bart": write_seq2seq,
    "qwen3": lambda folder: write_decoder(folder, chat=SHORT),
    "llama": lambda folder: write_decoder(folder, "llama", chat=None),
}
SOURCES = ["tiny: acid base", "tiny: mix", "tiny: heat cool spin dry"]


def opened(folder: Path, *classes: str, kind: str | None = None) -> Model:
    objective = Objective("classes", classes) if classes else None
    model = family_at(folder, kind).open(folder, Opening(objective))
    model.network.eval()
    return model


@pytest.fixture(params=_WRITTEN)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model that says classes by their texts."""
    return _WRITTEN[request.param](tmp_path / request.param)


def test_no_class_begins_with_another(folder: Path) -> None:
    """Their texts do, and their tokens with the end do not: so each is an outcome of its own."""
    texts = opened(folder, "acid", "acid base", "acid base salt")._classes
    rows = [ids[mask].tolist() for ids, mask in zip(texts.ids, texts.mask, strict=True)]
    assert all(a == b or b[: len(a)] != a for a in rows for b in rows)


def test_classes_that_begin_alike_are_learnt_apart(folder: Path) -> None:
    """By gold labels alone, each class from one source: the longer one is not left to the shorter."""
    model = opened(folder, "acid", "acid base")
    targets = model.target_ids(["acid", "acid base"], 8, SOURCES[:2], 16)
    rows = [
        Example(str(i), source, target)
        for i, (source, target) in enumerate(
            zip(model.source_ids(SOURCES[:2], 16), targets, strict=True)
        )
    ]
    loss, batch = model.loss(), collate(rows)
    optimiser = torch.optim.AdamW(model.network.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        loss(batch, 0.5).backward()
        optimiser.step()
    model.network.eval()
    said = {g.row_id: g.target_ids[0] for g in model.generate(rows, most_tokens=4, batch_size=2)}
    assert said == {"0": 0, "1": 1}


def test_a_class_is_learnt_as_it_is_scored(folder: Path) -> None:
    """Whole, though it is longer than targets may be; two whose beginnings are one would be learnt as one."""
    names = ("acid base salt water", "acid base salt heat")
    model = opened(folder, *names)
    texts = model._classes
    scored = [ids[mask].tolist() for ids, mask in zip(texts.ids, texts.mask, strict=True)]
    assert min(map(len, scored)) > 3
    learnt = [list(ids) for ids in model.target_ids(names, 3, SOURCES[:2], 16)]
    assert learnt == scored and learnt[0] != learnt[1]


def test_text_that_is_too_long_is_cut_and_ends(folder: Path) -> None:
    model = opened(folder)
    text, short = "acid base salt water", "acid"
    (whole,), (cut,) = (model.target_ids([text], most, SOURCES[:1], 16) for most in (64, 3))
    assert len(whole) > 3 and [*whole[:2], whole[-1]] == list(cut)
    assert model.target_ids([short], 64, SOURCES[:1], 16)[0][-1] == whole[-1]


def test_a_class_without_tokens_is_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match=r"^an? [\w -]+: class '' has no tokens; give it another"):
        opened(folder, "YES", "")


@pytest.mark.parametrize("kind", ["qwen3", "llama", "gpt2"])
def test_a_decoder_with_a_head_and_nothing_to_pad_with(tmp_path: Path, kind: str) -> None:
    """The end pads: a row is the same alone and in a batch, and is what transformers makes of it alone."""
    model = opened(write_decoder(tmp_path, kind, chat=None), "YES", "NO", kind="encoder")
    rows = [Example(str(i), ids, ()) for i, ids in enumerate(model.source_ids(SOURCES, 16))]
    assert len({len(row.source_ids) for row in rows}) > 1
    together = {g.row_id: g.log_probs for g in model.generate(rows, most_tokens=4, batch_size=3)}
    for row in rows:
        found = together[row.row_id]
        assert found is not None
        with torch.no_grad():
            alone = model.network(input_ids=torch.tensor([list(row.source_ids)])).logits
        torch.testing.assert_close(found, alone.log_softmax(-1), atol=1e-4, rtol=1e-4)
    targets = model.target_ids(["YES", "NO", "YES"], 4, SOURCES, 16)
    batch = collate(
        [Example(r.row_id, r.source_ids, t) for r, t in zip(rows, targets, strict=True)]
    )
    wanted = -sum(
        float(together[row.row_id][0, ids[0]]) for row, ids in zip(rows, targets, strict=True)
    )
    loss = model.loss()
    loss.eval()
    assert float(loss(batch, 1.0).detach()) == pytest.approx(wanted, rel=1e-4)
