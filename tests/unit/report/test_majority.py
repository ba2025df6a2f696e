"""No winner where nothing is better than always giving the most frequent answer, and why a table has zeros only."""

from typing import Any

import pytest

from raydoa.report.best_within_budget import best_of_all
from raydoa.report.break_even import break_evens
from raydoa.report.columns import read_table
from raydoa.report.overview import best_table, notes, summary
from raydoa.report.sentence import sentences
from raydoa.report.standings import standings
from tests.unit.report.conftest import frame
from tests.unit.report.test_analysis import plan

LOST: dict[str, Any] = {"task": "wlp", "n": 100, "metric": "accuracy", "majority_score": 0.454}


def _cells(annotate: float, distill: float, **more: Any) -> Any:
    values = {**LOST, **more}
    return frame(
        *plan("annotate", 10.0, [annotate, annotate], labels=7, **values),
        *plan("distill", 5.0, [distill, distill], **values),
    )


def test_the_sentence_names_no_winner() -> None:
    [said] = sentences(_cells(0.454, 0.3))
    assert said.text == (
        "With $100 and 100 labels on wlp, nothing that was measured for that money is better than always answering the most frequent "
        "class (45.4 accuracy). The nearest to it is to buy 7 labels: 45.4 ± 0.0 accuracy for $10."
    )
    [said] = sentences(_cells(0.0, 0.3, metric="squad_f1"))
    assert "always giving the most frequent answer (45.4 squad_f1)" in said.text


def test_a_mean_of_the_majoritys_scores_is_not_above_it() -> None:
    third = 0.1 + 0.2
    cells = frame(*plan("annotate", 1.0, [third] * 3, **{**LOST, "majority_score": 0.3}))
    assert best_table(cells)["winner"].tolist() == ["none"]


def test_the_tables_name_no_winner() -> None:
    cells = _cells(0.454, 0.3)
    assert best_table(cells)["winner"].tolist() == summary(cells)["winner"].tolist() == ["none"]
    assert not best_of_all(cells)["better"].any() and break_evens(cells) == []
    assert set(standings(cells)["standing"]) == {"no better"}
    assert (
        "wlp: no score is above that of always answering the most frequent class (45.4 accuracy), so nothing wins"
        in notes(cells)
    )


def test_one_that_is_better_wins() -> None:
    cells = _cells(0.3, 0.46)
    assert best_table(cells)["winner"].tolist() == ["distill"]
    assert sentences(cells)[0].text.endswith("distil t on 20 pseudo-labels: 46.0 ± 0.0 accuracy for $5. Labels alone reach 30.0.")  # fmt: skip
    assert standings(cells).set_index("strategy")["standing"].to_dict() == {
        "distill": "frontier",
        "annotate": "no better",
    }
    for change in break_evens(cells):
        assert {change.below, change.above} <= {"distill", "neither"}
    assert not any("nothing wins" in note for note in notes(cells))


def test_rows_of_an_older_raydoa_say_nothing_of_it() -> None:
    cells = _cells(0.2, 0.3)
    older = cells.drop(columns=["majority_score", "unparsable"])
    read = read_table(older.to_csv(index=False).encode(), "older")
    assert read["majority_score"].isna().all()
    assert best_table(read)["winner"].tolist() == ["distill"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"unparsable": 0.98}, "98% of what students wrote is none of the task's classes"),
        (
            {"llm_refused": 1.0, "strategy": "llm_annotate"},
            "an LLM did not answer 100% of the rows that it was to label",
        ),
        ({"teacher_score": 0.0}, "teachers score 0.000 as well"),
        ({"score_paper": 0.25}, "the paper's lenient form of the metric comes to 25.0 at most"),
        ({"student_steps": 12}, "students were trained for 12 steps at most"),
        ({"student_steps": 9000}, "the rows do not show why; `raydoa check` tells"),
    ],
)
def test_why_every_score_is_0(values: dict[str, Any], why: str) -> None:
    cells = frame({"student_steps": 5000, **values, "score": 0.0, "metric": "macro_f1"})
    [note] = [note for note in notes(cells) if "0.000" in note]
    assert note.startswith(f"tiny: every score is 0.000 macro_f1: {why}")


def test_a_score_above_0_needs_no_reason() -> None:
    assert not any("0.000" in note for note in notes(frame({"score": 0.0}, {"score": 0.1, "seed": 1})))  # fmt: skip
