"""The sentence for each budget, the table, and what is said where nothing can be."""

import pytest

from raydoa.report.overview import best_table, notes
from raydoa.report.reprice import new_prices, reprice
from raydoa.report.sentence import sentences
from raydoa.report.wording import dollars, price
from tests.unit.report.conftest import SCALED, frame, grid
from tests.unit.report.test_analysis import plan

XL = {"teacher": "google/t5-v1_1-xl", "u": 10_000, "task": "wlp", "n": 1000, "budget": 200.0}
BOUGHT = {"task": "wlp", "n": 1000, "budget": 200.0, "labels": 700}


def test_the_sentence() -> None:
    cells = frame(
        *plan("distill", 187.0, [0.611, 0.613, 0.615], **XL), *plan("annotate", 199.9, [0.55, 0.551, 0.549], **BOUGHT)
    )  # fmt: skip
    [sentence] = sentences(cells)
    assert (sentence.task, sentence.n, sentence.budget) == ("wlp", 1000, 200.0)
    assert sentence.text == (
        "With $200 and 1,000 labels on wlp, distil t5-v1_1-xl on 10,000 pseudo-labels: 61.3 ± 0.5 accuracy for $187. "
        "Labels alone reach 55.0."
    )


def test_the_other_way_round() -> None:
    cells = frame(
        *plan("distill", 187.0, [0.5, 0.51], **XL), *plan("annotate", 199.9, [0.7, 0.71], **BOUGHT)
    )
    [sentence] = sentences(cells)
    assert sentence.text.endswith(
        "buy 700 labels: 70.5 ± 6.4 accuracy for $200. Distilling t5-v1_1-xl on 10,000 pseudo-labels reaches 50.5."
    )


def test_mixed_and_the_control() -> None:
    cells = frame(
        *plan("mixed", 150.0, [0.7, 0.72], **{**XL, "labels": 50}),
        *plan("self_distill", 9.0, [0.6, 0.61], **{**XL, "teacher": "s"}),
    )  # fmt: skip
    [sentence] = sentences(cells)
    assert sentence.text.endswith(
        "buy 50 labels and distil t5-v1_1-xl on 10,000 pseudo-labels: 71.0 ± 12.7 accuracy for $150. "
        "Distilling itself on 10,000 pseudo-labels reaches 60.5."
    )
    [control] = sentences(cells[cells["strategy"] == "self_distill"])
    assert control.text.endswith(
        "distil s from itself on 10,000 pseudo-labels: 60.5 ± 6.4 accuracy for $9. "
        "Nothing else was measured for that money."
    )


def test_what_seeds_do_not_tell() -> None:
    cells = frame(
        *plan("distill", 187.0, [0.61, 0.55, 0.63], **XL), *plan("annotate", 199.9, [0.55, 0.60, 0.55], **BOUGHT)
    )  # fmt: skip
    [sentence] = sentences(cells)
    assert (
        "Labels alone reach 56.7, too close to call: the first is better with a probability of 73%."
        in sentence.text
    )
    [table] = best_table(cells).to_dict("records")
    assert table["winner"] == "distill?"


def test_one_seed_has_no_interval_and_says_so() -> None:
    cells = frame(*plan("distill", 187.0, [0.61], **XL), *plan("annotate", 199.9, [0.3], **BOUGHT))
    [sentence] = sentences(cells)
    assert sentence.text.endswith(
        "61.0 accuracy (one seed) for $187. Labels alone reach 30.0, and one seed cannot tell which is better."
    )
    assert best_table(cells)["winner"].tolist() == ["distill?"]
    assert "one seed: no intervals over seeds, and no winner is sure" in notes(cells)


def test_the_luck_of_a_training_where_repeats_tell() -> None:
    """Standard deviations of 10 and 2 points, of two and three trainings: sqrt((10^2 + 2 * 2^2) / 3) = 6."""
    trained_twice = [
        {"seed": 0, "repeat": r, "score": s} for r, s in enumerate((0.5, 0.5 + 0.2 / 2**0.5))
    ]
    three_times = [{"seed": 1, "repeat": r, "score": s} for r, s in enumerate((0.48, 0.5, 0.52))]
    once = {"seed": 2, "score": 0.9}
    cells = frame(*trained_twice, *three_times, once)
    assert "tiny: trainings on the same rows differ by a standard deviation of 6.0 points" in notes(
        cells
    )
    once_each = frame(*({"seed": seed, "score": 0.1 * seed} for seed in range(3)))
    assert not [line for line in notes(once_each) if "trainings on the same rows" in line]


def test_only_infeasible_cells() -> None:
    cells = grid(feasible=False)
    for sentence in sentences(cells):
        assert sentence.text.endswith("the least it takes is $1.20.")
        assert "labels on tiny, every plan is infeasible, such as tiny-annotate-" in sentence.text
    assert best_table(cells).empty
    assert notes(cells)[0].startswith("48 of 48 cells are infeasible, such as")


def test_nothing_so_cheap_was_measured() -> None:
    first = sentences(grid(), [0.05])[0]
    assert (
        first.text == "With $0.05 and 8 labels on tiny, nothing that was measured costs so little."
    )


def test_notes_tell_prices() -> None:
    cells = grid()
    assert f"prices are scaled: {SCALED}" in notes(cells)
    assert notes(cells)[-1] == "48 cells: standalone $559.80, incurred $48.00"
    other = reprice(cells, new_prices({"label": 0.5}, cells))
    lines = "\n".join(notes(other))
    assert "incurred is not known at other prices" in lines
    assert (
        "at other prices than the sweep was planned for (book+label.tiny=0.5): plans that only these"
        in lines
    )


@pytest.mark.parametrize(
    ("amount", "text"),
    [(200.0, "$200"), (187.4, "$187"), (1234.5, "$1,234"), (4.95, "$4.95"), (5.0, "$5"), (0.5, "$0.50"), (0.4079, "$0.41"), (0.0421, "$0.0421")],
)  # fmt: skip
def test_dollars(amount: float, text: str) -> None:
    assert dollars(amount) == text


def test_prices_have_their_digits() -> None:
    wanted = {
        0.0001: "$0.0001",
        0.01: "$0.01",
        0.5: "$0.50",
        1.0: "$1",
        1.5: "$1.50",
        1000.0: "$1,000",
        2.74470525: "$2.74471",
    }
    assert {usd: price(usd) for usd in wanted} == wanted
