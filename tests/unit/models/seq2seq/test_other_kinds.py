"""Encoder-decoders that are no T5: what they write, what is saved of them, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM, MarianTokenizer, MBartTokenizer

from raydoa.errors import UserError
from raydoa.models.head import load_head
from raydoa.models.lookup import family_at, shape_at
from raydoa.models.objective import Objective
from raydoa.models.seq2seq.pieces import TextPieces
from raydoa.store.store import SAFE_SUFFIXES
from tests.unit.checkpoints import vocabulary, write_checkpoint
from tests.unit.models.seq2seq.kinds import (
    KINDS,
    TARGETS,
    TEXTS,
    examples,
    live_logits,
    opened,
    written,
)
from tests.unit.seq2seqs import byte_pieces, write_seq2seq


@pytest.mark.parametrize("kind", KINDS)
def test_targets_are_what_the_model_is_trained_on(folder: Callable[[str], Path], kind: str) -> None:
    model = opened(folder(kind))
    ids = model.target_ids(TARGETS, 64, TEXTS, 64)
    end, begins = (1, None) if kind.endswith("mt5") else (2, 0)
    assert all(row[-1] == end and row.count(end) == 1 for row in ids)
    if kind in ("bart", "mbart"):
        assert all(row[0] == begins for row in ids)
    assert model.texts([[*row, 5, 6] for row in ids], TEXTS) == TARGETS
    assert [len(row) for row in model.target_ids(TARGETS[-1:], 4, TEXTS, 4)] == [4]
    assert model.target_ids(TARGETS[-1:], 4, TEXTS, 4)[0][-1] == end
    assert {row[-1] for row in model.source_ids(TEXTS, 4)} == {end}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("replaced", [False, True], ids=["own", "state"])
def test_what_is_saved_gives_the_same_logits_to_everybody(
    folder: Callable[[str], Path], tmp_path: Path, kind: str, replaced: bool
) -> None:
    """`state`: as under ZeRO-3, where the model's own weights are in parts."""
    model, source = opened(folder(kind), dropout=0.1), opened(folder(kind))
    if replaced:
        source = opened(folder(f"{kind} 1"))
    model.save(tmp_path / "a", dict(source.network.state_dict()) if replaced else None)
    again = opened(tmp_path / "a")
    again.save(tmp_path / "b")
    assert {path.suffix for path in (tmp_path / "b").iterdir()} <= set(SAFE_SUFFIXES)
    assert again.input_space == model.input_space and again.output_space == model.output_space
    assert family_at(tmp_path / "b").output_space(tmp_path / "b") == model.output_space
    assert shape_at(tmp_path / "b").parameters == shape_at(folder(kind)).parameters
    [row, *_] = examples(model)
    with torch.no_grad():
        wanted = live_logits(source.network, row)
        for place in ("a", "b"):
            theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / place).eval()
            for network in (theirs, opened(tmp_path / place).network):
                assert torch.equal(live_logits(network, row), wanted)
                tied = network.get_output_embeddings().weight.data_ptr() == (
                    network.get_input_embeddings().weight.data_ptr()
                )
                assert tied is not kind.endswith("mt5")
    assert torch.equal(load_head(tmp_path / "b"), source.head)
    assert source.head.shape[1] == 16 + (kind == "marian")


def set_generation(folder: Path, **settings: Any) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def test_an_id_that_must_come_first_and_one_that_never_may(tmp_path: Path) -> None:
    place = write_seq2seq(tmp_path / "bart")
    set_generation(place, forced_bos_token_id=0)
    model = opened(place)
    plain = {
        one.row_id: one for one in model.generate(examples(model), most_tokens=6, batch_size=8)
    }
    assert {one.target_ids[0] for one in plain.values()} == {0}
    banned = next(one.target_ids[1] for one in plain.values() if one.target_ids[1] != 2)
    set_generation(place, bad_words_ids=[[banned]])
    model = opened(place)
    rest = list(model.generate(examples(model), most_tokens=6, batch_size=8))
    assert not any(banned in one.target_ids for one in rest)
    assert any(banned in one.target_ids for one in plain.values())
    with torch.no_grad():
        row = replace(examples(model)[int(rest[0].row_id)], target_ids=rest[0].target_ids)
        wanted = live_logits(model.network, row)
    torch.testing.assert_close(rest[0].states @ model.head.T, wanted, rtol=1e-3, atol=1e-3)


def test_a_first_id_that_the_tokenizer_does_not_write_is_refused(tmp_path: Path) -> None:
    write_seq2seq(tmp_path / "m", "pegasus")
    set_generation(tmp_path / "m", forced_bos_token_id=7)
    with pytest.raises(
        UserError, match=r"begin with id 7 .* its tokenizer with none; set"
    ) as caught:
        opened(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_a_tokenizer_of_another_language_is_another_space(tmp_path: Path) -> None:
    """mBART's decoder begins with the language that stands behind a target's end."""
    write_seq2seq(tmp_path / "m", "mbart", decoder_start_token_id=None)
    (tmp_path / "m" / "tokenizer_config.json").unlink()
    (tmp_path / "m" / "tokenizer.json").unlink()
    words = ["<s>", "<pad>", "</s>", "<unk>", "▁no", "▁yes", "▁", "▁answer"]
    made = MBartTokenizer(vocab=[(word, 0.0) for word in words], src_lang="en_XX", tgt_lang="de_DE")
    made.save_pretrained(tmp_path / "m")
    model = opened(tmp_path / "m")
    german = made.convert_tokens_to_ids("de_DE")
    assert model.network.config.decoder_start_token_id == german
    assert model.target_ids(["yes no"], 9, [""], 9) == [[5, 4, 2]]
    assert model.source_ids(["yes no"], 9) == [[5, 4, 2, made.convert_tokens_to_ids("en_XX")]]
    made.tgt_lang = "fr_XX"
    MBartTokenizer(vocab=[(w, 0.0) for w in words], src_lang="en_XX", tgt_lang="fr_XX").save_pretrained(tmp_path / "f")  # fmt: skip
    assert TextPieces(tmp_path / "f").fingerprint != model.output_space
    plain = byte_pieces()
    plain.save_pretrained(tmp_path / "m")
    with pytest.raises(UserError, match="decoder_start_token_id is missing, and its tokenizer"):
        opened(tmp_path / "m")


def test_a_marian_reads_and_writes_with_two_vocabularies(tmp_path: Path) -> None:
    """Their tokenizers have no `tokenizer.json`."""
    pieces = vocabulary()
    for name in ("source.spm", "target.spm"):
        pieces.save(tmp_path)
        (tmp_path / "spiece.model").rename(tmp_path / name)
    words = ["<unk>", "</s>", "<pad>"]
    words += [p for p in map(pieces._pieces.id_to_piece, range(pieces.size)) if p not in words]
    (tmp_path / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    made = MarianTokenizer(str(tmp_path / "source.spm"), str(tmp_path / "target.spm"), str(tmp_path / "vocab.json"))  # fmt: skip
    made.save_pretrained(tmp_path / "tokenizer")
    tokenizer = TextPieces(tmp_path / "tokenizer")
    ids = tokenizer.targets(TARGETS, 64)
    assert all(row[-1] == 1 for row in ids) and tokenizer.decode(ids) == TARGETS
    assert all(len(row) <= 5 for row in tokenizer.encode(TEXTS, 5))
    tokenizer.save(tmp_path / "again")
    assert TextPieces(tmp_path / "again").fingerprint == tokenizer.fingerprint
    assert TextPieces(tmp_path / "again").targets(TARGETS, 64) == ids


@pytest.mark.parametrize("kind", ["t5", "mt5", "bart"])
def test_an_encoder_alone_is_refused(tmp_path: Path, kind: str) -> None:
    made = tmp_path / "m"
    _ = write_checkpoint(made) if kind == "t5" else written(made, kind)
    weights = load_file(made / "model.safetensors")
    kept = {name: w for name, w in weights.items() if "decoder." not in name}
    assert len(kept) < len(weights)
    save_file(kept, made / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="weights lack .* such as (model.)?decoder") as caught:
        opened(made)
    assert "\n" not in str(caught.value)
    config = json.loads((made / "config.json").read_text())
    config["architectures"] = [f"{kind.upper()}EncoderModel"]
    (made / "config.json").write_text(json.dumps(config))
    for look in (shape_at, opened):
        with pytest.raises(UserError, match=r"config.json: \w+EncoderModel is an encoder alone"):
            look(made)


def test_a_bart_whose_own_head_is_lost_is_refused(tmp_path: Path) -> None:
    made = write_seq2seq(tmp_path / "m", tie_word_embeddings=False)
    weights = load_file(made / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, made / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="weights lack 1 tensors .* lm_head.weight"):
        opened(made)


def test_a_class_without_tokens_is_refused(folder: Callable[[str], Path]) -> None:
    with pytest.raises(UserError, match="a bart: class '' has no tokens"):
        opened(folder("bart"), objective=Objective("classes", ("yes", "")))
