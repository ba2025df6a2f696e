"""What each id of a tokenizer writes: the bytes that it adds behind other text.

That is what ids of two tokenizers have in common. `▁acid` of sentencepiece, `Ġacid` of a byte-level vocabulary and `acid`
of a WordPiece one all write a blank and `acid`; a byte of a character is a byte, whoever writes it. So ids are told by
what they decode to behind another piece, where a decoder strips nothing, and bytes by the names that they have.

The first piece of a text is different: where pieces bring the blank before them, its blank is not written.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_PROBE = "ab xqz ab"
"""Words of one piece and of several."""
_SOME = 12
"""Pieces by which a decoder is tried."""


@dataclass(frozen=True)
class TokenTexts:
    """What the ids of a tokenizer write.

    Attributes:
        texts: of each id; empty of special ids, None where it cannot be told: of one that stands for what is not known.
        end: the id that ends a text.
        blank_first: whether the first piece of a text brings a blank that is not written.
        spare: ids of bytes that are used only where no other id writes the same.
    """

    texts: tuple[bytes | None, ...]
    end: int
    blank_first: bool
    spare: frozenset[int] = frozenset()

    @cached_property
    def ids(self) -> dict[bytes, int]:
        """The id that writes each text: of several the first one that is not spare."""
        found: dict[bytes, int] = {}
        in_order = sorted(range(len(self.texts)), key=lambda one: (one in self.spare, one))
        for one in in_order:
            text = self.texts[one]
            if text and one != self.end:
                found.setdefault(text, one)
        return found

    def of(self, token: int) -> bytes | None:
        """What an id writes; outputs of a head beyond the vocabulary write nothing."""
        return self.texts[token] if token < len(self.texts) else b""


def texts_of_sentencepiece(pieces: Any, end: int) -> TokenTexts:
    """Of a sentencepiece processor."""
    texts: list[bytes | None] = []
    spare = set()
    for one in range(pieces.get_piece_size()):
        piece = pieces.id_to_piece(one)
        if pieces.is_byte(one):
            spare.add(one)
            texts.append(_byte(piece))
        elif pieces.is_unknown(one):
            texts.append(None)
        elif pieces.is_control(one) or pieces.is_unused(one):
            texts.append(b"")
        else:
            texts.append(piece.replace("▁", " ").encode())
    return TokenTexts(tuple(texts), end, _blank_first(texts, pieces.encode("a")), frozenset(spare))


def texts_of_pretrained(tokenizer: Any, end: int) -> TokenTexts:
    """Of a tokenizer of transformers."""
    names: dict[int, str] = {one: name for name, one in tokenizer.get_vocab().items()}
    backend = json.loads(tokenizer.backend_tokenizer.to_str()) if tokenizer.is_fast else {}
    decoder = json.dumps(backend.get("decoder"))
    added = tokenizer.added_tokens_decoder
    special = {*tokenizer.all_special_ids, *(one for one, token in added.items() if token.special)}
    spare = {
        one for one, name in names.items() if "ByteFallback" in decoder and _BYTE.fullmatch(name)
    }
    plain = sorted(names.keys() - special - spare - added.keys())
    behind = _Behind(tokenizer)
    anchor = [names[one] for one in _ids(tokenizer, "a")[-1:]]

    def text(one: int) -> bytes | None:
        if one == tokenizer.unk_token_id:
            return None
        if one in special or one not in names:
            return b""
        if one in added:
            return str(added[one].content).encode()
        if one in spare:
            return _byte(names[one])
        if "ByteLevel" in decoder:
            return bytes(_BYTE_OF[letter] for letter in names[one] if letter in _BYTE_OF)
        return behind(anchor, names[one])

    texts = [text(one) for one in range(max(names, default=-1) + 1)]
    some = [names[one] for one in plain[:: max(1, len(plain) // _SOME)]]
    steady = "ByteLevel" in decoder or behind.same(some)
    if not (steady and _writes_what_it_reads(texts, _ids(tokenizer, _PROBE))):
        # What its pieces write depends on those around them, so none means the same as another tokenizer's.
        texts = [written if written == b"" else None for written in texts]
    return TokenTexts(
        tuple(texts), end, _blank_first(texts, _ids(tokenizer, "a")), frozenset(spare)
    )


class _Behind:
    """What pieces write behind others, as a tokenizer's decoder has it."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __call__(self, before: list[str], piece: str) -> bytes:
        base: str = self._tokenizer.convert_tokens_to_string(before)
        both: str = self._tokenizer.convert_tokens_to_string([*before, piece])
        return both.removeprefix(base).encode() if both.startswith(base) else b""

    def same(self, pieces: Sequence[str]) -> bool:
        """Whether each of some pieces writes the same behind any of them."""
        return all(len({self([before], piece) for before in pieces}) == 1 for piece in pieces)


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def _blank_first(texts: Sequence[bytes | None], ids: Sequence[int]) -> bool:
    return bool(ids) and (texts[ids[0]] or b"").startswith(b" ")


def _writes_what_it_reads(texts: Sequence[bytes | None], ids: Sequence[int]) -> bool:
    """Whether the texts of a probe's pieces make the probe; a vocabulary that lacks a letter of it is believed."""
    written = [texts[one] for one in ids]
    known = [text for text in written if text is not None]
    return len(known) < len(written) or b"".join(known).strip() == _PROBE.encode()


def _byte(piece: str) -> bytes:
    found = _BYTE.fullmatch(piece)
    assert found is not None, f"{piece} is no byte"
    return bytes.fromhex(found[1])


def _byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in a byte-level vocabulary: itself where it can be seen, else one from U+0100."""
    seen = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {
        chr(0x100 + place): byte for place, byte in enumerate(hidden)
    }


_BYTE_OF = _byte_letters()
