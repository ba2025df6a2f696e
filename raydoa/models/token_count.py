"""How many tokens the tokenizer of a checkpoint has, read from its files without opening it.

It counts up to the largest id. Tokens that stand for gaps, pictures and sounds do not count: no text becomes one, and some
checkpoints have no row for theirs (facebook/bart-large-cnn for its mask, google/gemma-3-1b-it for its picture).
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.models.hub import read_json

_SENTENCEPIECE = ("spiece.model", "spm.model", "sentencepiece.bpe.model")
_NEVER_IN_TEXT = re.compile(r"mask|image|picture|video|vision|audio", re.IGNORECASE)


def token_count(folder: Path) -> int | None:
    """The largest id of the tokenizer in a folder, and one; None: it has no file that tells it.

    Raises:
        UserError: such a file is broken.
    """
    path = folder / "tokenizer.json"
    if path.is_file():
        return _of_tokenizer_json(read_json(path))
    counts = [_of_words(folder), _of_pieces(folder), _of_added(folder)]
    return max((count for count in counts if count is not None), default=None)


def _of_tokenizer_json(tokenizer: dict[str, Any]) -> int | None:
    """None: it is of a form that only the library knows."""
    model, added = tokenizer.get("model"), tokenizer.get("added_tokens")
    words = model.get("vocab") if isinstance(model, dict) else None
    extra = [token for token in added if isinstance(token, dict)] if isinstance(added, list) else []
    contents = {str(token.get("content")): token for token in extra}
    left_out = {
        word
        for word, token in contents.items()
        if token.get("special") and _NEVER_IN_TEXT.search(word)
    }
    ids = [token.get("id") for word, token in contents.items() if word not in left_out]
    if isinstance(words, dict):
        ids += [index for word, index in words.items() if word not in left_out]
    elif isinstance(words, list):
        ids.append(len(words) - 1)
    return _after(ids) if words else None


def _of_words(folder: Path) -> int | None:
    path = folder / "vocab.txt"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _of_pieces(folder: Path) -> int | None:
    path = next((folder / name for name in _SENTENCEPIECE if (folder / name).is_file()), None)
    if path is None:
        return None
    import sentencepiece

    try:
        return int(sentencepiece.SentencePieceProcessor(model_file=str(path)).get_piece_size())
    except (RuntimeError, OSError) as error:
        raise UserError(f"{path}: not a sentencepiece model") from error


def _of_added(folder: Path) -> int | None:
    path = folder / "added_tokens.json"
    if not path.is_file():
        return None
    added = read_json(path)
    return _after(index for word, index in added.items() if not _NEVER_IN_TEXT.search(word))


def _after(ids: Iterable[object]) -> int | None:
    known = [index for index in ids if isinstance(index, int) and not isinstance(index, bool)]
    return max(known) + 1 if known else None
