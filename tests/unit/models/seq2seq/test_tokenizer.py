"""Text to ids and back, alike for `spiece.model` and `tokenizer.json`."""

import pickle
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from raydoa.errors import UserError
from raydoa.models.seq2seq.tokenizer import (
    END_ID,
    HuggingFaceTokenizer,
    SentencePieceTokenizer,
    load_tokenizer,
    train_sentencepiece,
)
from tests.unit.checkpoints import vocabulary, write_checkpoint
from tests.unit.world import rows

TEXTS = [row["source"] for row in rows(20)]
SHARED = vocabulary()


@pytest.fixture(params=["spiece", "json"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "m", tokenizer_json=request.param == "json")


def test_round_trip(folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(folder)
    ids = tokenizer.encode(TEXTS, 32)
    assert tokenizer.decode(ids) == TEXTS
    assert all(row[-1] == END_ID and row.count(END_ID) == 1 for row in ids)
    (tmp_path / "saved").mkdir()
    tokenizer.save(tmp_path / "saved")
    again = load_tokenizer(tmp_path / "saved")
    assert type(again) is type(tokenizer)
    assert again.fingerprint == tokenizer.fingerprint and again.size == tokenizer.size
    assert again.encode(TEXTS, 32) == ids


def test_decoding_drops_padding_sentinels_and_what_follows_the_end(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    [ids] = tokenizer.encode(TEXTS[:1], 32)
    sentinel = SHARED.size + 3
    assert tokenizer.decode([[0, *ids[:-1], sentinel, 0, END_ID, *ids]]) == TEXTS[:1]
    assert tokenizer.decode([[]]) == [""]


def test_long_texts_are_cut_and_still_end(folder: Path) -> None:
    [ids] = load_tokenizer(folder).encode([" ".join(TEXTS)], 8)
    assert len(ids) == 8 and ids[-1] == END_ID
    assert load_tokenizer(folder).encode([""], 8) == [[END_ID]]


def test_a_fingerprint_says_whether_ids_mean_the_same(tmp_path: Path) -> None:
    """Whatever file they are read from, and however many sentinels follow."""
    spiece = load_tokenizer(write_checkpoint(tmp_path / "a"))
    json_file = load_tokenizer(write_checkpoint(tmp_path / "b", tokenizer_json=True))
    assert isinstance(spiece, SentencePieceTokenizer) and isinstance(
        json_file, HuggingFaceTokenizer
    )
    assert json_file.size == spiece.size + 20
    assert spiece.fingerprint == json_file.fingerprint
    assert train_sentencepiece(TEXTS[:3] * 9, 40).fingerprint != spiece.fingerprint


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20))
def test_any_text_can_be_read(text: str) -> None:
    [ids] = SHARED.encode([text], 64)
    assert ids[-1] == END_ID and all(0 <= i < SHARED.size for i in ids)
    assert len(SHARED.decode([ids])) == 1


def test_large_vocabularies_write_what_they_have_never_read() -> None:
    words = [
        f"{a}{b}{c}"
        for a in "bdfgk"
        for b in "aeiou"
        for c in ("rp", "lt", "nd", "st", "mp", "sk", "ft", "x")
    ]
    tokenizer = train_sentencepiece([f"{w} {v}" for w in words for v in words[::7]], 1200)
    text = "10 µl NaCl, 4℃, ½ spoon™"
    assert tokenizer.decode(tokenizer.encode([text], 64)) == [text]


def test_texts_that_no_vocabulary_can_be_learnt_from() -> None:
    letters = "".join(map(chr, range(0x4E00, 0x4E00 + 500)))
    for texts, size in (([], 60), (["  "], 60), ([letters], 100)):
        with pytest.raises(
            UserError, match=f"pretraining.vocabulary: no vocabulary of {size}"
        ) as caught:
            train_sentencepiece(texts, size)
        assert "\n" not in str(caught.value)


def test_the_same_texts_give_the_same_vocabulary() -> None:
    assert vocabulary().fingerprint == SHARED.fingerprint
    assert pickle.loads(pickle.dumps(SHARED)).encode(TEXTS, 9) == SHARED.encode(TEXTS, 9)


def test_vocabularies_that_do_not_pad_and_end_as_t5_does(tmp_path: Path) -> None:
    import io

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 3), model_writer=model, vocab_size=30, minloglevel=2
    )
    (tmp_path / "spiece.model").write_bytes(model.getvalue())
    with pytest.raises(
        UserError, match=r"spiece.model: pads with id -1 and ends with id 2; T5 vocabularies"
    ):
        load_tokenizer(tmp_path)


def test_folders_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tokenizer: expected spiece.model or tokenizer.json"):
        load_tokenizer(tmp_path)
    (tmp_path / "spiece.model").write_bytes(b"junk")
    with pytest.raises(UserError, match="spiece.model: not a sentencepiece model"):
        load_tokenizer(tmp_path)
    (tmp_path / "spiece.model").unlink()
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(
        UserError, match=r"cannot be loaded as a tokenizer \(tokenizer.json\): Expecting"
    ):
        load_tokenizer(tmp_path)
