"""How many tokens texts have, with the tokenizer in a checkpoint folder and without opening its model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from raydoa.models.broken_files import read_as

TokenLengths: TypeAlias = Callable[[Sequence[str]], list[int]]
"""The lengths of texts in tokens, those included that the tokenizer puts around each."""

_PIECES = {"spiece.model": 1, "spm.model": 2, "sentencepiece.bpe.model": 2, "tokenizer.model": 1}
"""Files of sentencepiece, and how many tokens those whose they are put around a text: T5, DeBERTa, XLM-R and Llama."""


def token_lengths(folder: Path) -> TokenLengths | None:
    """The lengths that the tokenizer in a folder gives; None: it has no file that says all of it.

    Raises:
        UserError: such a file is damaged.
    """
    with read_as("a tokenizer", folder):
        if (described := folder / "tokenizer.json").is_file():
            return _of_tokenizers(described)
        for name, around in _PIECES.items():
            if (folder / name).is_file():
                return _of_sentencepiece(folder / name, around)
    return None


def _of_tokenizers(path: Path) -> TokenLengths:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    # As saved it may cut at a length of its own.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: [len(one.ids) for one in tokenizer.encode_batch(list(texts))]


def _of_sentencepiece(path: Path, around: int) -> TokenLengths:
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return lambda texts: [len(ids) + around for ids in pieces.encode(list(texts))]
