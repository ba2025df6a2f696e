"""The six tasks on the paper's real rows, where they are at hand."""

from collections import Counter
from pathlib import Path

import pytest

from raydoa.tasks.catalog import TASKS
from raydoa.tasks.data import TaskRows, fingerprint, load_rows, write_rows
from raydoa.tasks.metrics import Scores, score_outputs
from raydoa.tasks.metrics.statistic import Outputs
from raydoa.tasks.reading.rows import read_rows
from raydoa.tasks.split import labelled, pool

# Of WLP's 14,271 rows 175 have the source of a test row.
SIZES = {
    "wlp": (14096, 1776),
    "stanceosaurus": (2834, 978),
    "fever": (6227, 2096),
    "multipit_id": (7006, 2271),
    "multipit_gen": (3730, 1241),
    "nq": (1687, 584),
}


def score(name: str, rows: TaskRows, predictions: list[str]) -> Scores:
    sources = [row.source for row in rows.test]
    task = TASKS[name]
    return score_outputs(task.metric, Outputs(sources, predictions, gold(rows), task.classes), 0)


def gold(rows: TaskRows) -> list[str]:
    return [row.target or "" for row in rows.test]


@pytest.mark.parametrize("name", SIZES)
def test_rows_are_read_and_kept(name, real_data, tmp_path):
    rows = read_rows(TASKS[name], real_data)
    assert (len(rows.train), len(rows.test)) == SIZES[name]
    write_rows(rows, tmp_path)
    assert fingerprint(load_rows(tmp_path)) == fingerprint(rows)
    labels, unlabelled = labelled(rows, 0, 100), pool(rows, 0, 0, 1000)
    assert not {row.id for row in labels} & {row.id for row in unlabelled}


@pytest.mark.parametrize("name", [name for name in SIZES if name != "multipit_gen"])
def test_gold_against_gold_is_1(name, real_data):
    rows = read_rows(TASKS[name], real_data)
    scores = score(name, rows, gold(rows))
    assert (scores.score, scores.score_paper) == (1.0, 1.0)
    assert (scores.score_low, scores.score_high) == (1.0, 1.0)


def test_the_paraphrase_rows_at_hand_are_copies_of_their_sources(real_data: Path):
    rows = read_rows(TASKS["multipit_gen"], real_data)
    assert all(row.source == row.target for row in (*rows.train, *rows.test))
    assert score("multipit_gen", rows, gold(rows)).parts["copied"] == 1.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [("stanceosaurus", 0.1249), ("fever", 0.5057), ("multipit_id", 0.5236)],
)
def test_the_commonest_class(name, expected, real_data):
    rows = read_rows(TASKS[name], real_data)
    commonest = Counter(row.target or "" for row in rows.train).most_common(1)[0][0]
    scores = score(name, rows, [commonest] * len(rows.test))
    assert scores.score == scores.score_paper == pytest.approx(expected, abs=5e-5)
    junk = score(name, rows, ["?"] * len(rows.test))
    assert junk.score == 0.0
    assert junk.score_paper is not None
    assert junk.score_paper > 0.09


def test_spurious_entities_cost_and_the_paper_ignores_them(real_data):
    rows = read_rows(TASKS["wlp"], real_data)
    twice = score("wlp", rows, [f"{one} {one}" for one in gold(rows)])
    assert twice.score == pytest.approx(2 / 3)
    assert twice.score_paper == 1.0
    assert score("wlp", rows, [""] * len(rows.test)).score == 0.0
