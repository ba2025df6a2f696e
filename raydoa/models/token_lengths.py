"""How many tokens texts have, with the tokenizer in a checkpoint folder and without opening its model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

TokenLengths: TypeAlias = Callable[[Sequence[str]], list[int]]
"""The lengths of texts in tokens, those included that the tokenizer puts around each."""

_PIECES = ("spiece.model", "spm.model", "sentencepiece.bpe.model", "tokenizer.model")


def token_lengths(folder: Path) -> TokenLengths | None:
    """The lengths that the tokenizer in a folder gives; None: it has no file that says all of it."""
    described = folder / "tokenizer.json"
    if described.is_file():
        return _of_tokenizers(described)
    pieces = next((folder / name for name in _PIECES if (folder / name).is_file()), None)
    return None if pieces is None else _of_sentencepiece(pieces)


def _of_tokenizers(path: Path) -> TokenLengths:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    # As saved it may cut at a length of its own.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: [len(one.ids) for one in tokenizer.encode_batch(list(texts))]


def _of_sentencepiece(path: Path) -> TokenLengths:
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
    # And the end.
    return lambda texts: [len(ids) + 1 for ids in pieces.encode(list(texts))]
