"""An LLM measured on rows with targets."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.llm.answer import Answer
from raydoa.llm.calibration import at_temperature, calibrated, fitted_temperature
from raydoa.llm.inquiry import Inquiry
from raydoa.llm.pilot import Pilot, measure
from raydoa.llm.pilot_lines import pilot_lines
from raydoa.llm.tokens import Usage
from raydoa.tasks.data import Row
from raydoa.tasks.metrics import score_outputs
from raydoa.tasks.metrics.statistic import Outputs
from tests.unit.llm.asking import answer, closed, inquiry, tagging, writing

NO, YES = "REFUTES", "SUPPORTS"


def pilot(
    question: Inquiry, targets: Sequence[str], said: Sequence[str | Answer], seed: int = 0
) -> Pilot:
    rows = [Row(f"train-{n}", f"row {n} is text", target) for n, target in enumerate(targets)]
    answers = {
        question.keys(row.source)[0]: one if isinstance(one, Answer) else answer(one)
        for row, one in zip(rows, said, strict=True)
    }
    return measure(question, rows, answers, seed)


def test_what_a_pilot_finds():
    targets = [NO] * 20 + [YES] * 30
    said = (
        [NO] * 12
        + [YES] * 8
        + [YES] * 24
        + [NO] * 3
        + ["maybe", "maybe", answer("", state="cut_off")]
    )
    found = pilot(inquiry(), targets, said)
    assert found.score == pytest.approx(36 / 50) and found.score_low < 0.72 < found.score_high
    assert found.labelled_score == pytest.approx(36 / 47)
    assert found.confusion == ((12, 8, 0), (3, 24, 3))
    # 15 of 47 labels are NO, and 20 of their 47 targets.
    assert found.bias == pytest.approx((-5 / 47, 5 / 47))
    assert found.refused == {"off_list": 2, "cut_off": 1} and found.refused_share == 0.06
    assert found.reasons == (("off the list: 'maybe'", 2), ("cut off", 1))
    assert (found.constant, found.constant_score) == (YES, 0.6)
    assert (found.micro_usd, found.tokens) == (250, Usage(500, 0, 50))
    assert found.calibration is None and not found.worse_than_chance
    assert found.question == inquiry().fingerprint and found.shots == 2


def test_lines_for_people():
    targets = [NO] * 20 + [YES] * 30
    said = [NO] * 12 + [YES] * 8 + [YES] * 27 + ["maybe", "maybe", answer("", state="cut_off")]
    assert (
        "\n".join(pilot_lines(pilot(inquiry(), targets, said)))
        == """\
small on 50 owned rows of claims, 2 shots beside
accuracy 0.780 (95% interval 0.660 to 0.880); always 'SUPPORTS' scores 0.600
6.0% without a label: 2 off the list, 1 cut off; the commonest, 2 times: off the list: 'maybe'; accuracy of the others 0.830
$0.0050 per 1,000 rows; tokens a row: 10.0 input, 0.0 cached, 1.0 output

it is, and is called  REFUTES  SUPPORTS  nothing  called minus is
REFUTES                    12         8        0           -17.0%
SUPPORTS                    0        27        3           +17.0%"""
    )


def test_a_pilot_is_kept_as_json():
    for question, target in (
        (inquiry(), NO),
        (inquiry(writing(), ()), "Ringo"),
        (inquiry(tagging(), ()), ""),
    ):
        found = pilot(question, [target] * 3, ["", target or "none", "x"])
        assert Pilot.model_validate_json(found.model_dump_json()) == found


@given(
    st.lists(
        st.tuples(st.sampled_from([NO, YES]), st.sampled_from([NO, YES, "?", ""])),
        min_size=1,
        max_size=30,
    )
)
def test_counts_add_up(pairs):
    found = pilot(inquiry(), [one for one, _ in pairs], [said for _, said in pairs])
    confusion = np.array(found.confusion)
    assert confusion.sum() == found.rows == len(pairs)
    assert (
        confusion[:, -1].sum()
        == sum(found.refused.values())
        == sum(count for _, count in found.reasons)
    )
    assert math.fsum(found.bias) == pytest.approx(0, abs=1e-12)
    assert found.score == pytest.approx(np.trace(confusion[:, :-1]) / len(pairs))
    pilot_lines(found)


def test_rows_with_one_source_are_paid_once():
    rows = [Row("train-0", "same", NO), Row("train-1", "same", NO), Row("train-2", "else", YES)]
    question = inquiry()
    answers = {question.keys(row.source)[0]: answer(row.target) for row in rows}
    found = measure(question, rows, answers, 0)
    assert found.micro_usd == 10 and found.score == 1


def test_worse_than_chance():
    half = [NO, YES] * 20
    wrong = [YES, NO] * 17 + [NO, YES] * 3
    assert pilot(inquiry(), half, wrong).worse_than_chance
    assert "worse than chance: one answer for every row is surely better" in pilot_lines(
        pilot(inquiry(), half, wrong)
    )
    assert not pilot(inquiry(), half, [NO] * 40).worse_than_chance
    # All rows of one class, all right: nothing is better.
    assert not pilot(inquiry(), [NO] * 40, [NO] * 40).worse_than_chance
    # The majority's class is the answer to beat, also where it is more than one in K.
    mostly = [YES] * 36 + [NO] * 4
    assert pilot(inquiry(), mostly, half).worse_than_chance
    # A few rows that are all wrong are no proof.
    few = pilot(inquiry(), half[:4], wrong[:4])
    assert not few.worse_than_chance and "say little" in pilot_lines(few)[-5]


def test_text_of_which_nothing_is_right():
    assert pilot(inquiry(writing(), ()), ["Ringo"] * 30, ["George"] * 30).worse_than_chance
    assert not pilot(
        inquiry(writing(), ()), ["Ringo"] * 30, ["George"] * 20 + ["Ringo"] * 10
    ).worse_than_chance


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_no_constant_is_better_than_the_best(metric):
    task = closed("a", "b", "c").model_copy(update={"metric": metric})
    targets = [*"aaaabbbbbbbc"] * 3
    found = pilot(inquiry(task, ()), targets, targets)
    each = [
        score_outputs(metric, Outputs(targets, [one] * 36, targets, task.classes), 0).score
        for one in "abc"
    ]
    assert found.constant == "b" and found.constant_score == pytest.approx(max(each))


# Calibration.


def soft_answers(probabilities: Sequence[float]) -> list[Answer]:
    """Answers that are so sure of YES (B)."""
    return [
        answer("B" if sure > 0.5 else "A", ("A", math.log(1 - sure)), ("B", math.log(sure)))
        for sure in probabilities
    ]


def test_soft_labels_that_are_too_sure_are_calibrated():
    """Sure by 0.98, right in 80 of 100."""
    targets = ([YES] * 4 + [NO]) * 20
    found = pilot(inquiry(top_logprobs=5), targets, soft_answers([0.98] * 100)).calibration
    assert found is not None and found.rows == 100
    # log-odds of 0.98 over those of 0.8, as nearly as smoothing leaves it.
    assert found.temperature == pytest.approx(math.log(49) / math.log(4), rel=0.05)
    assert found.ece_before == pytest.approx(0.18) and found.ece_after < 0.15
    assert found.nll_after < found.nll_before


def test_a_few_rows_that_are_all_right_make_nothing_certain():
    log_probs = np.log(np.array([[0.6, 0.4]] * 4 + [[0.4, 0.6]] * 4))
    gold = np.array([0] * 4 + [1] * 4)
    temperature = fitted_temperature(log_probs, gold)
    assert 0.1 < temperature < 1
    assert np.exp(at_temperature(log_probs, temperature)).max() < 0.95


@given(
    st.lists(
        st.tuples(st.lists(st.floats(-30, 0), min_size=3, max_size=3), st.integers(0, 2)),
        min_size=2,
        max_size=20,
    )
)
def test_a_temperature_is_the_best_of_a_grid(rows):
    log_probs = at_temperature(np.array([one for one, _ in rows]), 1.0)
    gold = np.array([one for _, one in rows])
    found = calibrated(log_probs, gold)
    assert 0.1 <= found.temperature <= 10 and all(map(math.isfinite, found.model_dump().values()))
    smoothed = (len(gold) * np.eye(3)[gold] + 1) / (len(gold) + 3)

    def loss(temperature: float) -> float:
        return -float((smoothed * at_temperature(log_probs, temperature)).sum())

    best = min(map(loss, np.geomspace(0.1, 10, 60)))
    assert loss(found.temperature) <= best + 1e-4 * max(1.0, best)
    assert 0 <= found.ece_before <= 1 and 0 <= found.ece_after <= 1


def test_calibration_on_the_temperature_that_made_the_labels():
    chance = np.random.default_rng(3)
    true = at_temperature(chance.normal(size=(4000, 4)) * 2, 1.0)
    gold = np.array([chance.choice(4, p=np.exp(one)) for one in true])
    found = calibrated(at_temperature(true, 1 / 2.5), gold)
    assert found.temperature == pytest.approx(2.5, rel=0.05)
