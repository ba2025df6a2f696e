"""Entities as tags on tokens: from the text form, and back."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.models.encoder.tags import Offsets, Tags

TAGS = Tags(("Action", "Reagent"))
SOURCE = "Add 5 ml of buffer , then add the buffer ( cold ) ."


def offsets_of(text: str) -> Offsets:
    """One token a word, between two special ones."""
    found: list[tuple[int, int]] = [(0, 0)]
    position = 0
    for word in text.split():
        start = text.index(word, position)
        position = start + len(word)
        found.append((start, position))
    return [*found, (0, 0)]


def test_the_tags_of_a_target() -> None:
    target = "Add [Action] buffer [Reagent] add [Action] the buffer [Reagent]"
    tags = TAGS.of_text(target, SOURCE, offsets_of(SOURCE))
    named = [TAGS.names[tag] for tag in tags]
    assert named == [
        "O", "B-Action", "O", "O", "O", "B-Reagent", "O", "O", "B-Action", "B-Reagent", "I-Reagent", "O", "O", "O", "O", "O",
    ]  # fmt: skip
    assert TAGS.text(tags, SOURCE, offsets_of(SOURCE)) == target


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("", ""),
        ("stir [Action] buffer [Reagent]", "buffer [Reagent]"),  # not in the source
        ("buffer [Unknown] cold [Reagent]", ""),  # no known type ends the first span
        ("Add  [Action]", "Add [Action]"),
        ("Add [Action] [Reagent]", "Add [Action]"),  # an empty span
    ],
)
def test_what_is_not_in_the_source_gives_no_tag(target: str, kept: str) -> None:
    offsets = offsets_of(SOURCE)
    assert TAGS.text(TAGS.of_text(target, SOURCE, offsets), SOURCE, offsets) == kept


def test_an_inside_without_a_beginning_begins_one() -> None:
    source = "mix salt acid"
    inside_reagent, inside_action = TAGS.names.index("I-Reagent"), TAGS.names.index("I-Action")
    tags = [0, inside_action, inside_reagent, inside_reagent, 0]
    assert TAGS.text(tags, source, offsets_of(source)) == "mix [Action] salt acid [Reagent]"


def test_words_that_the_target_writes_apart_are_found() -> None:
    source = "25 μl RXNFINAL CONC.Q5"
    spans = TAGS.spans("RXN [Reagent] FINAL CONC [Action]", source)
    assert [source[start:stop] for start, stop, _ in spans] == ["RXN", "FINAL CONC"]


WORDS = st.lists(st.text(string.ascii_letters, min_size=1, max_size=6), min_size=1, max_size=12)


@given(WORDS, st.data())
def test_spans_that_do_not_overlap_come_back(words: list[str], data: st.DataObject) -> None:
    """Whatever is marked in the order of the source is what is read, as long as no marked text stands earlier as well."""
    words = [f"{word}{index}" for index, word in enumerate(words)]
    source, target, position = " ".join(words), [], 0
    while position < len(words):
        length = data.draw(st.integers(0, 3))
        if length:
            span = words[position : position + length]
            target.append(f"{' '.join(span)} [{data.draw(st.sampled_from(('Action', 'Reagent')))}]")
        position += max(1, length)
    offsets = offsets_of(source)
    text = " ".join(target)
    assert TAGS.text(TAGS.of_text(text, source, offsets), source, offsets) == text
