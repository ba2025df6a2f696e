"""The tokenizer of an encoder-decoder that is no T5, as its checkpoint says that sources and targets are written.

A target's special tokens may be others than a source's: mBART's name its language. Its ids are all up to its end id.
What a checkpoint writes behind the end is what its decoder begins with (mBART's language again).
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from raydoa.errors import UserError
from raydoa.models.broken_files import read_as
from raydoa.models.hub import read_config
from raydoa.models.seq2seq.shape import is_t5
from raydoa.models.seq2seq.tokenizer import Tokenizer, load_tokenizer
from raydoa.models.token_texts import TokenTexts, texts_of_pretrained
from raydoa.models.word_pieces import WordPieces


class TextPieces(WordPieces):
    """See `Tokenizer`.

    Attributes:
        end_id: what ends a target.
        begins: the special token that each target begins with, None if there is none.
        follows: the special token behind the end, None if there is none.
        fingerprint: of its vocabulary, and of the special tokens of sources and targets.

    Raises:
        UserError: the folder has none that can be read, or one without an end.
    """

    needs_offsets = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        if self._tokenizer.eos_token_id is None:
            raise UserError(f"{folder}: its tokenizer has no eos_token, which ends what is written")
        self.end_id = int(self._tokenizer.eos_token_id)
        with read_as("a tokenizer of targets", folder):
            [empty] = self._targets([""])
            templates = [*self.encode([""], 8), empty]
        end = empty.index(self.end_id) if self.end_id in empty else len(empty)
        self.begins = empty[0] if end else None
        self.follows = next(iter(empty[end + 1 :]), None)
        meaning = json.dumps([self.fingerprint, templates])
        self.fingerprint = hashlib.sha256(meaning.encode()).hexdigest()

    def targets(self, texts: Sequence[str], max_length: int, /) -> list[list[int]]:
        """See `Tokenizer.targets`."""
        return [
            [*ids[: max_length - 1], self.end_id]
            for ids in map(self._written, self._targets(texts))
        ]

    def decode(self, rows: Sequence[Sequence[int]], /) -> list[str]:
        """See `Tokenizer.decode`."""
        texts = self._tokenizer.batch_decode(
            [self._written(ids) for ids in rows],
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
        return [str(text) for text in texts]

    def token_texts(self) -> TokenTexts:
        """See `Tokenizer.token_texts`."""
        return texts_of_pretrained(self._tokenizer, self.end_id)

    def _targets(self, texts: Sequence[str]) -> list[list[int]]:
        rows: list[list[int]] = self._tokenizer(text_target=list(texts), verbose=False)["input_ids"]
        return rows

    def _written(self, ids: Sequence[int]) -> list[int]:
        """All before the end."""
        kept = list(ids)
        return kept[: kept.index(self.end_id)] if self.end_id in kept else kept


def tokenizer_at(folder: Path) -> Tokenizer:
    """The tokenizer of a checkpoint folder. Raises `UserError`: it has none that can be read."""
    return load_tokenizer(folder) if is_t5(read_config(folder)) else TextPieces(folder)
