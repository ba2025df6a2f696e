"""The tokenizer of a checkpoint as transformers reads it: ids of texts, where each stands in its text, and a fingerprint."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from raydoa.errors import UserError
from raydoa.models.broken_files import read_as


class WordPieces:
    """Any tokenizer that `AutoTokenizer` reads from a local folder.

    Attributes:
        size: ids that it can give.
        pad_id: what pads; the end's where it has none of its own.
        fingerprint: of its vocabulary, special tokens and normaliser, so of what an id means.
        needs_offsets: whether `offsets` is asked for; a tokenizer without a `tokenizer.json` has none.

    Raises:
        UserError: the folder has none that can be read.
    """

    needs_offsets: ClassVar[bool] = True

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        with read_as("a tokenizer", folder):
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        if self.needs_offsets and not self._tokenizer.is_fast:
            raise UserError(
                f"{folder}: no tokenizer.json; save the tokenizer with save_pretrained of a fast one"
            )
        if not len(self._tokenizer):
            raise UserError(f"{folder}: the vocabulary of its tokenizer is empty")
        self.size = len(self._tokenizer)
        pads = (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id, 0)
        self.pad_id = int(next(token for token in pads if token is not None))
        self.fingerprint = _fingerprint(self._tokenizer)

    @property
    def tokenizer(self) -> Any:
        """As transformers has it."""
        return self._tokenizer

    def encode(self, texts: Sequence[str], length: int) -> list[list[int]]:
        """Ids of each text with the special tokens that the model is used to, at most ``length``."""
        rows: list[list[int]] = self._tokenizer(
            list(texts), truncation=True, max_length=length, verbose=False
        )["input_ids"]
        return rows

    def offsets(self, texts: Sequence[str], length: int) -> list[list[tuple[int, int]]]:
        """Where each id of `encode` stands in its text: first character, and the one after the last; alike for special tokens."""
        rows: list[list[tuple[int, int]]] = self._tokenizer(
            list(texts), truncation=True, max_length=length, return_offsets_mapping=True
        )["offset_mapping"]
        return rows

    def save(self, folder: Path) -> None:
        """Write the files from which it can be read again."""
        # A chat template within tokenizer_config.json: an artifact holds no files that are programs.
        self._tokenizer.save_pretrained(folder, save_jinja_files=False)


def _fingerprint(tokenizer: Any) -> str:
    backend = (
        json.loads(tokenizer.backend_tokenizer.to_str())
        if tokenizer.is_fast
        else {"normalizer": type(tokenizer).__name__}
    )
    meaning = {
        "vocabulary": sorted(tokenizer.get_vocab().items()),
        "special": sorted(tokenizer.all_special_ids),
        "normalizer": backend.get("normalizer"),
        "pre_tokenizer": backend.get("pre_tokenizer"),
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()
