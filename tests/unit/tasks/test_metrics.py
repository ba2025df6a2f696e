"""Metrics: against scikit-learn, against formulas worked by hand, and the bootstrap."""

import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from raydoa.tasks.catalog import TASKS
from raydoa.tasks.metrics import Scores, score_outputs
from raydoa.tasks.metrics.answers import normalised, token_f1
from raydoa.tasks.metrics.entities import parse_entities
from raydoa.tasks.metrics.statistic import Outputs, Statistic, bootstrap_interval, macro_f1, mean_of

STANCES = TASKS["stanceosaurus"].classes
JUNK = "neither of them"


def score(name: str, predictions: list[str], targets: list[str], seed: int = 0) -> Scores:
    task = TASKS[name]
    outputs = Outputs(["source"] * len(targets), predictions, targets, task.classes)
    return score_outputs(task.metric, outputs, seed)


labels = st.sampled_from(STANCES)
label_pairs = st.lists(st.tuples(labels, labels | st.just(JUNK)), min_size=1, max_size=40)


@given(label_pairs)
def test_classes_agree_with_scikit_learn(pairs):
    gold, predicted = map(list, zip(*pairs, strict=True))
    scores = score("stanceosaurus", predicted, gold)
    strict = f1_score(gold, predicted, labels=sorted({*gold, *predicted} - {JUNK}), average="macro")
    lenient = [STANCES[0] if one == JUNK else one for one in predicted]
    paper = f1_score(gold, lenient, average="macro")
    assert scores.score == scores.parts["macro_f1"] == pytest.approx(strict)
    assert scores.score_paper == scores.parts["paper_macro_f1"] == pytest.approx(paper)
    assert scores.parts["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    assert scores.parts["paper_accuracy"] == pytest.approx(accuracy_score(gold, lenient))
    assert scores.parts["unparsable"] == pytest.approx(predicted.count(JUNK) / len(gold))


def test_unparsable_output_is_wrong_where_the_paper_takes_it_for_class_0():
    scores = score("fever", ["supports ", "gibberish"], ["SUPPORTS", "REFUTES"])
    assert (scores.score, scores.score_paper) == (0.5, 1.0)


def entities(predictions: list[str], targets: list[str]) -> Scores:
    return score("wlp", predictions, targets)


def test_entities_are_multisets():
    gold = "Add [Action] buffer [Reagent] Add [Action]"
    assert entities([gold], [gold]).score == 1.0
    # Two hits of three predicted and three gold; a repeat is no second hit of one entity.
    assert entities(["Add [Action] buffer [Reagent] buffer [Reagent]"], [gold]).score == 4 / 6
    # A spurious entity costs precision.
    spurious = entities([f"{gold} 5 ml [Amount]"], [gold])
    assert spurious.score == pytest.approx(6 / 7)
    assert (spurious.parts["precision"], spurious.parts["recall"]) == (0.75, 1.0)
    # The right span with another type is no hit.
    assert entities(["buffer [Device]"], ["buffer [Reagent]"]).score == 0.0


def test_entities_of_rows_without_any():
    assert entities([""], [""]).score == 1.0
    assert entities([""], [""]).score_paper is None
    assert entities(["buffer [Reagent]"], [""]).score == 0.0
    both = entities(["buffer [Reagent]", "Add [Action]"], ["", "Add [Action]"])
    assert both.score == pytest.approx(2 / 3)
    assert both.score_paper == 1.0


def test_parsing():
    types = TASKS["wlp"].classes
    assert parse_entities("Add[Action]  2 M\n NaCl [Reagent] and", types) == [
        ("Add", "Action"),
        ("2 M NaCl", "Reagent"),
    ]
    assert parse_entities("stacked[6.2] beads [Reagent]", types) == [
        ("stacked[6.2] beads", "Reagent")
    ]
    assert parse_entities("[Action] [Reagent]", types) == [("", "Action"), ("", "Reagent")]
    assert (
        parse_entities("no marks", types)
        == parse_entities("", types)
        == parse_entities("a [b]", ())
        == []
    )


def test_the_papers_entity_score():
    gold = "cold Tris buffer [Reagent] 5 cold ml [Amount] mix well now [Action]"
    # A missing span and a wrong type are both wrong; an entity that gold lacks costs nothing.
    output = "cold Tris buffer [Device] mix well now [Action] more of this [Time]"
    scores = entities([output], [gold])
    assert scores.score_paper == scores.parts["paper_micro_f1"] == pytest.approx(1 / 3)
    assert scores.parts["dictionary_micro_f1"] == pytest.approx(1 / 3)
    macro = f1_score(
        ["Reagent", "Amount", "Action"], ["Device", "AMOUNT", "Action"], average="macro"
    )
    assert scores.parts["paper_macro_f1"] == pytest.approx(macro)
    assert scores.score == pytest.approx(2 * 1 / (3 + 3))


def test_the_papers_parser_loses_the_last_word_of_a_span():
    scores = entities(
        ["wash [Action] Tris salt [Reagent]"], ["rinse [Action] Tris buffer [Reagent]"]
    )
    assert scores.score_paper == 1.0
    assert scores.parts["dictionary_micro_f1"] == 0.0
    # Spans of one word share the entry "", where the last type wins.
    assert entities(["vortex [Action]"], ["Add [Action] beads [Reagent]"]).score_paper == 0.0
    assert entities(["tube [Reagent]"], ["Add [Action] beads [Reagent]"]).score_paper == 1.0


def test_answers_as_in_squad():
    assert normalised("The  Beatles' (an) album!") == "beatles album"
    assert token_f1("the therefore sign", "Therefore sign.") == 1.0
    assert token_f1("March 16 , 2018", "16 March") == pytest.approx(4 / 5)
    assert token_f1("red red", "red") == pytest.approx(2 / 3)
    assert (token_f1("the", "a"), token_f1("", "x"), token_f1("x", "")) == (1.0, 0.0, 0.0)
    scores = score("nq", ["Davos", "Rome"], ["davos.", "ancient Rome"])
    assert scores.score == scores.score_paper == pytest.approx((1 + 2 / 3) / 2)
    assert scores.parts["exact_match"] == 0.5


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=1, max_size=8))
def test_every_score_is_a_share_whatever_a_model_writes(pairs):
    predictions, targets = map(list, zip(*pairs, strict=True))
    for task in ("wlp", "nq", "multipit_gen"):
        scores = score(task, predictions, targets)
        found = [scores.score, scores.score_paper, *scores.parts.values()]
        assert all(0 <= one <= 1 for one in found if one is not None)
        if scores.score is not None:
            assert scores.score_low is not None
            assert scores.score_high is not None
            assert 0 <= scores.score_low <= scores.score_high <= 1


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = np.arange(2000) % 2
    low, high = bootstrap_interval(mean_of(values), seed=1)
    half = 1.96 * 0.5 / np.sqrt(2000)
    assert low == pytest.approx(0.5 - half, abs=0.003)
    assert high == pytest.approx(0.5 + half, abs=0.003)


def test_resampling_equals_scoring_the_drawn_rows():
    rng = np.random.default_rng(5)
    rows = rng.integers(0, 3, size=(50, 6)).astype(np.float64)
    rows[:, :2] = np.minimum(rows[:, 2:4], rows[:, 4:])
    drawn = np.random.default_rng(9).integers(50, size=(1000, 50))
    slow = [float(macro_f1(rows[chosen].sum(axis=0))) for chosen in drawn]
    expected = np.quantile(slow, [0.025, 0.975])
    assert bootstrap_interval(Statistic(rows, macro_f1), seed=9) == pytest.approx(tuple(expected))


def test_a_bootstrap_is_fast_and_repeatable():
    gold = [STANCES[index % 5] for index in range(2000)]
    predicted = [STANCES[index % 4] for index in range(2000)]
    started = time.perf_counter()
    first = score("stanceosaurus", predicted, gold, seed=3)
    assert time.perf_counter() - started < 1.0
    assert first == score("stanceosaurus", predicted, gold, seed=3)
    assert first != score("stanceosaurus", predicted, gold, seed=4)
    assert first.score_low is not None
    assert first.score_high is not None
    assert first.score is not None
    assert first.score_low < first.score < first.score_high


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    chance = random.Random(0)
    covered = 0
    for seed in range(200):
        predicted = ["YES" if chance.random() < 0.7 else "NO" for _ in range(100)]
        scores = score("multipit_id", predicted, ["YES"] * 100, seed)
        assert scores.score_low is not None
        assert scores.score_high is not None
        covered += scores.score_low <= 0.7 <= scores.score_high
    assert 180 <= covered <= 199
