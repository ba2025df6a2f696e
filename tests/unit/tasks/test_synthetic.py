"""The embedded task: reproducible, consistent, and answerable from its text alone."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raydoa.tasks.data import TaskRows, fingerprint
from raydoa.tasks.synthetic import LABELS, LEXICON, Lexicon, lexicon_rows

SMALL = Lexicon(nouns=40, text_lines=600, train_rows=800, test_rows=200)


@pytest.fixture(scope="module")
def rows() -> TaskRows:
    return lexicon_rows(SMALL)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), nouns=st.integers(8, 60))
def test_rows_are_a_function_of_the_settings(seed: int, nouns: int) -> None:
    chosen = SMALL.model_copy(update={"seed": seed, "nouns": nouns})
    assert fingerprint(lexicon_rows(chosen)) == fingerprint(lexicon_rows(chosen))


def test_another_seed_is_another_language(rows: TaskRows) -> None:
    other = lexicon_rows(SMALL.model_copy(update={"seed": SMALL.seed + 1}))
    assert fingerprint(other) != fingerprint(rows)


def test_sizes_ids_and_targets_are_as_asked(rows: TaskRows) -> None:
    assert (len(rows.train), len(rows.test), len(rows.text)) == (800, 200, 600)
    ids = [row.id for row in (*rows.train, *rows.test)]
    assert len(set(ids)) == len(ids)
    assert {row.target for row in rows.train} == set(LABELS) == set(LEXICON.classes)


def test_sources_are_short(rows: TaskRows) -> None:
    assert max(len(row.source.split()) for row in (*rows.train, *rows.test)) <= 8


def test_the_object_alone_decides_the_label(rows: TaskRows) -> None:
    targets = defaultdict(set)
    for row in (*rows.train, *rows.test):
        targets[row.source.split()[-1]].add(row.target)
    assert len(targets) == SMALL.nouns
    assert all(len(found) == 1 for found in targets.values())


def test_no_label_is_much_more_frequent_than_another(rows: TaskRows) -> None:
    counts = Counter(row.target for row in rows.train)
    assert max(counts.values()) < 1.5 * min(counts.values())


def test_the_text_mentions_every_noun_and_no_labelled_sentence(rows: TaskRows) -> None:
    nouns = {row.source.split()[-1] for row in rows.train}
    assert nouns <= {word for line in rows.text for word in line.split()}
    assert not {row.source for row in rows.test} & set(rows.text)
