"""The score of always giving the most frequent answer, against counting by hand."""

import pytest

from raydoa.tasks.catalog import TASKS
from raydoa.tasks.data import Row
from raydoa.tasks.metrics.majority import majority_score


def _rows(*targets: str) -> list[Row]:
    return [Row(str(number), f"source {number}", target) for number, target in enumerate(targets)]


def test_of_classes_it_is_the_class_of_train_scored_on_test() -> None:
    test = _rows("SUPPORTS", "REFUTES", "REFUTES", "REFUTES")
    assert majority_score(_rows("SUPPORTS", "REFUTES", "SUPPORTS"), test, TASKS["fever"]) == 0.25
    # Of five classes two occur: F1 is 2 * 3 / (3 + 4) of the one that is always said, and 0 of the other.
    stances = _rows("Querying", "Querying", "Querying", "Discussing")
    found = majority_score(_rows("Querying"), stances, TASKS["stanceosaurus"])
    assert found == pytest.approx(6 / 7 / 2)


def test_of_text_it_is_the_most_frequent_target() -> None:
    train, test = _rows("the moon", "Mars", "the moon"), _rows("Moon", "Venus")
    assert majority_score(train, test, TASKS["nq"]) == 0.5
    wlp = _rows("Add [Action]", "Add [Action] water [Reagent]")
    assert majority_score(_rows("Add [Action]"), wlp, TASKS["wlp"]) == pytest.approx(4 / 5)


def test_a_paraphrase_has_none() -> None:
    assert majority_score(_rows("a"), _rows("b"), TASKS["multipit_gen"]) is None
