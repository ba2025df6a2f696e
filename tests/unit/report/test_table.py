"""The table at the end of a sweep."""

from raydoa.report.overview import summary
from raydoa.report.table import as_text, table_notes
from tests.unit.report.conftest import frame, grid


def test_the_best_of_each_strategy_and_who_wins() -> None:
    table = summary(grid())
    assert list(table.columns) == [
        "task",
        "n",
        "budget",
        "annotate",
        "distill",
        "self_distill",
        "winner",
    ]
    assert len(table) == 4 and set(table["winner"]) == {"distill"}
    first = table.iloc[0]
    assert first["annotate"].endswith("] +2 labels $0.90")
    assert first["distill"].endswith("] U=20 xxl $0.80")
    assert first["self_distill"].endswith("] U=20 $0.10")
    # With N = 16 the larger teacher cannot be paid at $1.
    assert table.iloc[2]["distill"].endswith("] U=20 large $0.40")


def test_seeds_that_overlap_leave_a_doubt() -> None:
    rows = [
        {"strategy": strategy, "seed": seed, "score": score, "teacher": teacher, "u": u}
        for strategy, teacher, u, scores in (
            ("annotate", None, None, (0.5, 0.7)),
            ("distill", "t", 20, (0.8, 0.6)),
        )
        for seed, score in enumerate(scores)
    ]
    assert summary(frame(*rows))["winner"].tolist() == ["distill?"]
    assert summary(frame(rows[0], rows[3]))["winner"].tolist() == ["distill?"]  # one seed each
    assert summary(frame(*rows[:2]))["winner"].tolist() == ["annotate"]


def test_one_seed_has_no_interval() -> None:
    cells = grid(seeds=1)
    assert "[" not in as_text(summary(cells))
    assert "one seed: no intervals over seeds, and no winner is sure" in table_notes(cells)
    assert not any("one seed" in note for note in table_notes(grid()))


def test_what_cannot_be_paid_says_so() -> None:
    cells = grid(feasible=False)
    table = summary(cells)
    assert set(table["annotate"]) == set(table["distill"]) == {"infeasible"}
    assert set(table["winner"]) == {"none"}
    [note] = table_notes(cells)
    assert note.startswith(
        "48 of 48 cells are infeasible, such as tiny-annotate-B1-N8-seed0: the least it"
    )


def test_what_has_no_score_says_so() -> None:
    cells = frame({"score": None, "metric": "bert_ibleu"}, {"score": None, "seed": 1})
    assert summary(cells)["annotate"].tolist() == ["no score"]
    assert table_notes(cells) == [
        "2 of 2 cells have no score, such as tiny-annotate-B1-N8-seed0: bert_ibleu needs a model that was not "
        "given, or came out as no number"
    ]


def test_text() -> None:
    table = summary(grid())
    text = as_text(table).splitlines()
    assert len(text) == 6
    assert text[0].split() == list(table.columns)
    assert text[2].split()[:3] == ["tiny", "8", "1"] and text[3].split()[:3] == ["tiny", "8", "100"]
    wide = frame({"budget": 1_234_567.5})
    assert "1,234,567.5" in as_text(summary(wide))


def test_the_best_split_of_a_mixed_budget_says_what_it_buys() -> None:
    rows = [
        {"strategy": "mixed", "teacher": "org/xxl", "u": u, "pseudo_labels": 20, "labels": labels, "score": score,
         "seed": seed, "cost_total": 0.9}
        for u, labels, score in ((20, 1000, 0.5), (None, 2500, 0.7), (20, 4000, 0.6))
        for seed in (0, 1)
    ]  # fmt: skip
    annotate = {"labels": 5000, "score": 0.4}
    table = summary(frame(*rows, annotate))
    assert table["mixed"].tolist() == ["0.700 [0.700, 0.700] +2,500 labels U=20 xxl $0.90"]
    assert table["winner"].tolist() == ["mixed?"]
    unknown = frame({"strategy": "rules", "labels": 7, "score": 0.5})
    assert summary(unknown)["rules"].tolist() == ["0.500 7 labels 1 student's training $1.00"]
