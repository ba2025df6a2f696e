"""Where two tokenizations of a text meet: against what the tokenizers themselves decode, on any text."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from raydoa.models.alignment import NOWHERE, Alignment, Meets
from raydoa.models.seq2seq.tokenizer import END_ID, train_sentencepiece
from raydoa.models.token_texts import TokenTexts, texts_of_pretrained
from tests.unit import decoders as causal
from tests.unit import seq2seqs
from tests.unit.encoders import word_pieces
from tests.unit.world import rows

_TEXTS = [row["source"] for row in rows(100)]
LENGTH = 200


@dataclass(frozen=True)
class Side:
    """A tokenizer as a model of it reads and writes."""

    known: TokenTexts
    encode: Callable[[str], list[int]]
    decode: Callable[[Sequence[int]], str]

    def text(self, ids: Sequence[int]) -> str:
        """What ids stand for, without blanks."""
        return "".join(self.decode([one for one in ids if one != self.known.end]).split())


def _pretrained(tokenizer: Any, end: int) -> Side:
    return Side(
        texts_of_pretrained(tokenizer, end),
        lambda text: [*tokenizer(text, add_special_tokens=False)["input_ids"], end],
        lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)),
    )


def _byte_fallback() -> PreTrainedTokenizerFast:
    """As Llama's first ones are: pieces with the blank before them, and bytes for what is in none."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )  # fmt: skip
    special = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=special[:2], show_progress=False)
    tokenizer.train_from_iterator([*_TEXTS, "uvwxyz"], trainer)
    state = tokenizer.to_str()
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    changed = json.loads(state)
    for byte in range(256):
        changed["model"]["vocab"][f"<0x{byte:02X}>"] = len(vocabulary) + byte
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(changed)), unk_token="<unk>", eos_token="</s>"
    )  # fmt: skip


@cache
def side(kind: str) -> Side:
    if kind in ("sentencepiece", "sentencepiece with bytes"):
        size = 60 if kind == "sentencepiece" else 1200
        made = train_sentencepiece([*_TEXTS, "acid: salt, (base) uvwxyz"] * 2, size)
        return Side(
            made.token_texts(), lambda text: made.encode([text], LENGTH)[0], lambda ids: made.decode([ids])[0]
        )  # fmt: skip
    if kind == "wordpiece":
        words = word_pieces()
        words.backend_tokenizer.decoder = decoders.WordPiece(cleanup=True)
        return _pretrained(words, 3)
    if kind == "bytes":
        return _pretrained(causal.byte_pieces(), 0)
    if kind == "other bytes":
        return _pretrained(seq2seqs.byte_pieces(), 2)
    return _pretrained(_byte_fallback(), 1)


KINDS = ("sentencepiece", "sentencepiece with bytes", "wordpiece", "bytes", "other bytes", "byte fallback")  # fmt: skip


def met(teacher: Side, student: Side, written: str) -> tuple[str, list[int], list[int], Meets]:
    """What a teacher writes for a text, what a student makes of that, and where they meet."""
    theirs = teacher.encode(written)
    text = teacher.decode([one for one in theirs if one != teacher.known.end]).strip()
    ours = student.encode(text)
    both = Alignment(teacher.known, student.known)
    return text, theirs, ours, both.meets(text, theirs, ours, student_length=LENGTH)


_WORDS = st.sampled_from(
    ["acid", "base", "salt", "acidbase", "Acid", "washed", "{}", "é", "日本", "🧪", ",", "x1", "(mix)", "don't", "a\nb", ".", "z"]
)  # fmt: skip
_LINES = st.lists(_WORDS, min_size=0, max_size=6).map(" ".join) | st.text(
    st.sampled_from("abcid ews é{\t日"), max_size=12
)


@pytest.mark.parametrize("teacher", KINDS)
@pytest.mark.parametrize("student", KINDS)
@settings(max_examples=40, deadline=None)
@given(written=_LINES)
def test_tokens_meet_where_both_decode_to_the_same(
    teacher: str, student: str, written: str
) -> None:
    one, other = side(teacher), side(student)
    text, theirs, ours, found = met(one, other, written)
    solid = "".join(text.split())
    assert len(found.teacher) == len(found.first) == len(ours)
    positions = [position for position in found.teacher if position != NOWHERE]
    assert positions == sorted(set(positions)), "in the order of the text, and each once"
    for place, position in enumerate(found.teacher):
        if position == NOWHERE:
            continue
        assert (theirs[position] == one.known.end) == (ours[place] == other.known.end)
        parts = [(one, theirs, position), (other, ours, place)]
        before, after = ([s.text(ids[: at + more]) for s, ids, at in parts] for more in (0, 1))
        if "\ufffd" not in "".join(before + after) and "[UNK]" not in "".join(after):
            # A student that does not know a character, or changes it, has read something else of the same text.
            known = [s.text(ids) == solid for s, ids, _ in parts]
            if all(known):
                assert before[0] == before[1] and solid.startswith(before[0])
                assert after[0] == after[1]
    whole = [s.text(ids) == solid for s, ids in ((one, theirs), (other, ours))]
    if all(whole) and "\ufffd" not in solid and "⁇" not in solid:
        assert found.teacher[-1] == len(theirs) - 1, "the ends meet"


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(written=_LINES)
def test_one_tokenizer_meets_itself_everywhere(kind: str, written: str) -> None:
    both = side(kind)
    text, theirs, ours, found = met(both, both, written)
    lost = [both.known.of(one) is None for one in ours]
    if theirs == ours and not any(lost) and both.text(ours) == "".join(text.split()):
        # But for a blank that a text's first piece brings alone, which is not written.
        start = int(ours[0] < len(both.known.texts) and both.known.of(ours[0]) == b" ")
        assert list(found.teacher[start:]) == list(range(start, len(ours)))
    assert not any(found.first)


@settings(max_examples=60, deadline=None)
@given(written=_LINES)
def test_of_bytes_every_token_meets_that_can(written: str) -> None:
    one, other = side("bytes"), side("other bytes")
    _, theirs, ours, found = met(one, other, written.strip())

    def pieces(known: TokenTexts, ids: Sequence[int]) -> dict[tuple[bytes, bytes], int]:
        texts = [known.of(token) or b"" for token in ids]
        return {(b"".join(texts[:at]), text): at for at, text in enumerate(texts)}

    at = pieces(one.known, theirs)
    wanted = [at.get(place, NOWHERE) for place in pieces(other.known, ours)]
    assert list(found.teacher) == wanted


def test_what_is_shared_writes_the_same() -> None:
    one, other = side("sentencepiece"), side("bytes")
    both = Alignment(one.known, other.known)
    ends = (one.known.end, other.known.end)
    assert ends == (END_ID, 0) and ends in both.shared and both.first is not None
    for mine, yours in both.shared:
        assert (mine, yours) == ends or one.known.of(mine) == other.known.of(yours)
    for mine, yours in both.first:
        assert (mine, yours) == ends or one.known.of(mine) == b" " + (other.known.of(yours) or b"")
    words = {(one.known.of(mine) or b"").decode() for mine, _ in both.shared}
    assert {" acid", "x"} <= words
    found = met(one, other, "acid acid")
    assert found[3] == Meets((0, 1, 2), (True, False, False))


def test_a_byte_is_a_byte_and_bytes_that_have_a_piece_are_not_used() -> None:
    fallback, plain = side("byte fallback"), side("bytes")
    spare = fallback.known.spare
    assert len(spare) == 256
    assert fallback.known.ids[b"u"] not in spare and fallback.known.ids["é".encode()[:1]] in spare
    _, theirs, _, found = met(fallback, plain, "salt é")
    assert found.teacher[-3:] == tuple(range(len(theirs) - 3, len(theirs)))


def test_a_token_that_only_begins_where_the_teachers_does_does_not_meet_it() -> None:
    one, other = side("bytes"), side("sentencepiece")
    _, theirs, ours, found = met(one, other, "acid qacid")
    pieces = [other.known.of(token) for token in ours]
    at = [one.known.of(token) for token in theirs]
    for place, position in enumerate(found.teacher):
        if position != NOWHERE and ours[place] != other.known.end and place:
            assert pieces[place] == at[position]


def test_what_a_student_does_not_know_is_stepped_over() -> None:
    one, other = side("bytes"), side("sentencepiece")
    _, theirs, ours, found = met(one, other, "acid {~} heat acid")
    lost = [place for place, token in enumerate(ours) if other.known.of(token) is None]
    assert len(lost) == 1
    assert found.teacher[0] == 0 and found.teacher[-1] == len(theirs) - 1
    assert found.teacher[-2] == len(theirs) - 2, "from the back"


def test_a_text_that_is_cut_meets_up_to_there() -> None:
    one, other = side("sentencepiece"), side("bytes")
    theirs, ours = one.encode("acid heat acid"), other.encode("acid heat acid")
    both = Alignment(one.known, other.known)
    cut = [*ours[:2], other.known.end]
    found = both.meets("acid heat acid", theirs, cut, student_length=3)
    assert found.teacher == (0, 1, NOWHERE), "it ends there because it is cut"
    # Neither does a teacher that was cut off say where its text ends.
    found = both.meets("acid heat", theirs[:2], other.encode("acid heat"), student_length=9)
    assert found.teacher == (0, 1, NOWHERE)
    found = both.meets("", [END_ID], [other.known.end], student_length=9)
    assert found.teacher == (0,)


def test_pieces_that_end_words_mean_nothing_to_others() -> None:
    """Of GPT-1 and Blenderbot-small: whether a blank comes before a piece is said by the one before it."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.BPEDecoder()
    trainer = trainers.BpeTrainer(
        vocab_size=90, special_tokens=["</s>"], end_of_word_suffix="</w>", show_progress=False
    )
    tokenizer.train_from_iterator([*_TEXTS, "a b q x z ab xqz"], trainer)
    made = _pretrained(PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>"), 0)
    both = Alignment(made.known, side("bytes").known)
    assert both.shared == ((0, 0),)
    _, theirs, ours, found = met(made, side("bytes"), "acid salt")
    assert found.teacher == (*[NOWHERE] * (len(ours) - 1), len(theirs) - 1)


def test_ids_beyond_a_vocabulary_write_nothing() -> None:
    assert side("bytes").known.of(10**6) == b""


def test_a_decoder_that_is_not_there_shares_nothing() -> None:
    """Then continuations of words show their marks, and what is written is not what was read."""
    made = _pretrained(word_pieces(), 3)
    assert not made.known.ids and Alignment(made.known, side("bytes").known).shared == ((3, 0),)
