"""Text to token ids and back: one small interface over T5's sentencepiece vocabularies.

T5 checkpoints carry `spiece.model`, and the nano family trains one of its own, so sentencepiece is used
directly, which starts in milliseconds. A checkpoint that only has a `tokenizer.json` is read with
`transformers.AutoTokenizer`. Both add the end of sequence themselves and use T5's ids: 0 pads, 1 ends.

A fingerprint is a hash of the pieces in the order of their ids, without sentinels: it says whether a token id
means the same to two tokenizers, whatever files they were read from.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import sentencepiece

from raydoa.errors import UserError
from raydoa.models.broken_files import read_as
from raydoa.models.token_texts import TokenTexts, texts_of_pretrained, texts_of_sentencepiece

_PAD_ID = 0
END_ID = 1
SPIECE_FILE = "spiece.model"
_SENTINEL = "<extra_id_"


class Tokenizer(Protocol):
    """What an encoder-decoder needs of a tokenizer."""

    fingerprint: str
    size: int

    def encode(self, texts: Sequence[str], max_length: int, /) -> list[list[int]]:
        """Token ids of each source as the model is used to it, at most ``max_length`` long."""

    def targets(self, texts: Sequence[str], max_length: int, /) -> list[list[int]]:
        """Token ids of each target, ended by the model's end id, at most ``max_length`` long with the end."""

    def decode(self, rows: Sequence[Sequence[int]], /) -> list[str]:
        """Texts of rows of token ids; padding and everything from the end on is dropped."""

    def token_texts(self) -> TokenTexts:
        """What each id writes."""

    def save(self, folder: Path) -> None:
        """Write the files from which `load_tokenizer` reads it again."""


class _T5Tokenizer(ABC):
    """Sources and targets are written alike: a text's ids, and the end."""

    @abstractmethod
    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Token ids of each text, ended by `END_ID`, at most ``max_length`` long with the end."""

    def targets(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """See `Tokenizer.targets`."""
        return self.encode(texts, max_length)


class SentencePieceTokenizer(_T5Tokenizer):
    """A `spiece.model` as T5 uses it; ``where`` names it in errors."""

    def __init__(self, model_bytes: bytes, where: str = SPIECE_FILE) -> None:
        self._bytes = model_bytes
        try:
            self._pieces = sentencepiece.SentencePieceProcessor(model_proto=model_bytes)
        except RuntimeError as error:
            raise UserError(f"{where}: not a sentencepiece model") from error
        if self._pieces.pad_id() != _PAD_ID or self._pieces.eos_id() != END_ID:
            raise UserError(
                f"{where}: pads with id {self._pieces.pad_id()} and ends with id "
                f"{self._pieces.eos_id()}; T5 vocabularies use {_PAD_ID} and {END_ID}"
            )
        self.size = int(self._pieces.get_piece_size())
        self.fingerprint = _fingerprint(map(self._pieces.id_to_piece, range(self.size)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (SentencePieceTokenizer, (self._bytes,))

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        rows: list[list[int]] = self._pieces.encode(list(texts))
        return [[*ids[: max_length - 1], END_ID] for ids in rows]

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """See `Tokenizer.decode`; ids past the vocabulary (sentinels) are dropped."""
        piece_ids = [[i for i in _until_end(ids) if i < self.size] for ids in rows]
        return [str(text) for text in self._pieces.decode(piece_ids)]

    def token_texts(self) -> TokenTexts:
        return texts_of_sentencepiece(self._pieces, END_ID)

    def save(self, folder: Path) -> None:
        """Write `spiece.model`."""
        (folder / SPIECE_FILE).write_bytes(self._bytes)


class HuggingFaceTokenizer(_T5Tokenizer):
    """A T5's tokenizer that `AutoTokenizer` reads from a local folder."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        with read_as("a tokenizer (tokenizer.json)", folder):
            self._tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        if self._tokenizer.pad_token_id != _PAD_ID or self._tokenizer.eos_token_id != END_ID:
            raise UserError(
                f"{folder}: the tokenizer pads with id {self._tokenizer.pad_token_id} and ends with "
                f"id {self._tokenizer.eos_token_id}; T5 vocabularies use {_PAD_ID} and {END_ID}"
            )
        self.size = len(self._tokenizer)
        pieces: list[str] = self._tokenizer.convert_ids_to_tokens(list(range(self.size)))
        self.fingerprint = _fingerprint(pieces)

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        rows = self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [[*ids[: max_length - 1], END_ID] for ids in rows]

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        token_ids = [_until_end(ids) for ids in rows]
        return [str(t) for t in self._tokenizer.batch_decode(token_ids, skip_special_tokens=True)]

    def token_texts(self) -> TokenTexts:
        return texts_of_pretrained(self._tokenizer, END_ID)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and its settings."""
        self._tokenizer.save_pretrained(folder)


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer of a T5's checkpoint folder.

    Raises:
        UserError: the folder has neither `spiece.model` nor `tokenizer.json`, or it cannot be read.
    """
    if (folder / SPIECE_FILE).is_file():
        return SentencePieceTokenizer(
            (folder / SPIECE_FILE).read_bytes(), str(folder / SPIECE_FILE)
        )
    if (folder / "tokenizer.json").is_file():
        return HuggingFaceTokenizer(folder)
    raise UserError(
        f"{folder}: no tokenizer: expected {SPIECE_FILE} or tokenizer.json beside config.json"
    )


def train_sentencepiece(texts: Iterable[str], size: int) -> SentencePieceTokenizer:
    """Learn a byte-pair vocabulary of at most ``size`` pieces; texts in the same order give the same bytes.

    Characters outside the vocabulary fall back to bytes where ``size`` leaves room for the 256 of them,
    so text such as chemical formulas can be written as well as read.

    Raises:
        UserError: the texts are empty, or have more letters than the vocabulary has room for.
    """
    import io

    model = io.BytesIO()
    longest = 20_000
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text[:longest] for text in texts if text.strip()),
            model_writer=model,
            vocab_size=size,
            hard_vocab_limit=False,
            model_type="bpe",
            # As written: the usual normalisation makes other letters of some (µ), which are then never right.
            normalization_rule_name="identity",
            pad_id=_PAD_ID,
            eos_id=END_ID,
            unk_id=2,
            bos_id=-1,
            byte_fallback=size >= 1024,
            max_sentence_length=4 * longest,
            shuffle_input_sentence=False,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        why = str(error).strip().splitlines()[-1]
        raise UserError(
            f"pretraining.vocabulary: no vocabulary of {size} pieces can be learnt from the task's text ({why})"
        ) from error
    return SentencePieceTokenizer(model.getvalue())


def _fingerprint(pieces: Iterable[str]) -> str:
    text_pieces = [piece for piece in pieces if not piece.startswith(_SENTINEL)]
    return hashlib.sha256(json.dumps(text_pieces).encode()).hexdigest()


def _until_end(ids: Sequence[int]) -> list[int]:
    kept: list[int] = []
    for token in ids:
        if token == END_ID:
            break
        if token != _PAD_ID:
            kept.append(int(token))
    return kept
