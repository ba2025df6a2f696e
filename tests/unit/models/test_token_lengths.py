"""Lengths in tokens are those that the model's own tokenizer gives."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from raydoa.errors import UserError
from raydoa.models.lookup import family_at
from raydoa.models.token_lengths import token_lengths
from tests.unit.checkpoints import write_checkpoint
from tests.unit.decoders import write_decoder
from tests.unit.encoders import write_encoder
from tests.unit.seq2seqs import write_seq2seq

TEXTS = ["acid and base", "", "a much longer text about salt water " * 40]


@pytest.mark.parametrize("write", [write_encoder, write_seq2seq, write_decoder])
def test_of_a_fast_tokenizer(tmp_path: Path, write) -> None:
    folder = tmp_path / "model"
    write(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    count = token_lengths(folder)
    assert count is not None
    assert count(TEXTS) == [len(tokenizer(text)["input_ids"]) for text in TEXTS]


def test_of_sentencepiece(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write_checkpoint(folder)
    count = token_lengths(folder)
    assert count is not None
    model = family_at(folder).open(folder)
    assert count(TEXTS) == [len(ids) for ids in model.source_ids(TEXTS, 10_000)]


def test_of_nothing(tmp_path: Path) -> None:
    assert token_lengths(tmp_path) is None
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "model"')
    with pytest.raises(UserError, match="cannot be loaded as a tokenizer"):
        token_lengths(tmp_path)
