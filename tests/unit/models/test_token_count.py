"""Tokenizers with more tokens than their model has embeddings."""

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import (
    AutoModelForMaskedLM,
    T5ForConditionalGeneration,
)

from raydoa.models.checkpoint_check import check_checkpoint
from raydoa.models.token_count import token_count
from tests.unit.models.broken import as_torch, cut, described, said


@pytest.mark.parametrize("name", ["t5", "spiece", "bert"])
def test_fewer_embeddings_than_tokens(copy: Callable[[str], Path], name: str) -> None:
    folder = copy(name)
    tokens = token_count(folder)
    assert tokens is not None
    kind = AutoModelForMaskedLM if name == "bert" else T5ForConditionalGeneration
    model = kind.from_pretrained(folder)
    model.resize_token_embeddings(tokens - 1)
    model.save_pretrained(folder)
    expected = f"its embedding has {tokens - 1} rows and its tokenizer {tokens} tokens: resize the embeddings or give"
    assert expected in said(folder)
    as_torch(folder)
    assert expected in said(folder)
    described(folder, vocab_size=tokens)
    check_checkpoint(folder)


def test_tokens_that_were_added(copy: Callable[[str], Path]) -> None:
    """As `add_tokens` and `save_pretrained` leave it, where `resize_token_embeddings` was forgotten."""
    from transformers import AutoTokenizer

    folder = copy("bert")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    check_checkpoint(folder)  # No text becomes a picture.
    tokenizer.add_tokens(["<|user|>"])
    tokenizer.save_pretrained(folder)
    assert f"its embedding has {rows} rows and its tokenizer {rows + 2} tokens" in said(folder)


def test_tokens_of_slow_tokenizers(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    (folder / "tokenizer.json").unlink()
    assert token_count(folder) is None
    (folder / "vocab.txt").write_text("\n".join(map(str, range(40))))
    assert token_count(folder) == 40
    (folder / "added_tokens.json").write_text('{"[MASK]": 600, "<|user|>": 500}')
    assert "its tokenizer 501 tokens" in said(folder)
    (folder / "spiece.model").write_bytes(b"junk")
    assert "spiece.model: not a sentencepiece model" in said(folder)


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        ('{"added_tokens": [], "model": {"type": "Odd"}}', None),
        ('{"model": []}', None),
        ('{"added_tokens": [3, {"content": []}], "model": {"vocab": {"a": 0, "b": "x", "c": true}}}', 1),
        ('{"model": {"vocab": [["a", 0.0], ["b", 0.0]]}, "added_tokens": [{"id": 5, "content": "x"}]}', 6),
    ],
    ids=["odd", "no model", "odd ids", "unigram"],
)  # fmt: skip
def test_odd_tokenizers_are_told_by_whoever_opens_them(
    tmp_path: Path, content: str, tokens: int | None
) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    assert token_count(tmp_path) == tokens


def test_a_tokenizer_that_is_no_json(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    cut(folder / "tokenizer.json", 500)
    assert "tokenizer.json: not JSON" in said(folder)
