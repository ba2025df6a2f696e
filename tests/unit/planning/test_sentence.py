"""The sentence says what to buy, with whom, what to expect and how sure; and it does not claim more than is known."""

from dataclasses import replace

import pytest

from raydoa.planning.answer import answer, plain
from raydoa.planning.belief import Belief
from raydoa.planning.case import Case
from raydoa.planning.evidence import Evidence, gather
from raydoa.planning.lines import answer_lines
from raydoa.planning.outlook import Table, table
from raydoa.planning.sentence import percent, sentence
from raydoa.planning.what_if import usual
from tests.unit.planning.conftest import WriteSweep, grid


@pytest.fixture
def evidence(case: Case, write_sweep: WriteSweep) -> Evidence:
    return gather([write_sweep(grid())], case)


def test_a_prior_alone_is_called_a_guess(case: Case) -> None:
    belief = Belief(Evidence(), case.costs)
    said = sentence(case, belief, table(case, belief))
    assert said.startswith(
        "Nothing of lexicon has been measured, so take this as a guess and measure before you buy"
    )


def test_what_to_buy_and_what_else(case: Case, evidence: Evidence) -> None:
    belief = Belief(evidence, case.costs)
    found = table(case, belief)
    said = sentence(case, belief, found)
    assert (
        "guess" not in said
        and "fine-tune nano-" in said
        and said.endswith(".")
        and said.count(". ") == 0
    )
    assert (
        f"expect a score of {found.best.score:.2f} (with 80% probability between {found.best.low:.2f} and"
        in said
    )
    assert (
        "of the $5.00" in said
        and "the next best, " in said
        and f"{found.rows[1].score:.2f}" in said
    )


def test_extrapolation_is_told(case: Case, evidence: Evidence) -> None:
    belief = Belief(evidence, case.costs)
    found = table(case, belief)
    assert found.best.point.u > 4500
    assert "which is extrapolated: at most 3,000 pool rows were measured" in sentence(
        case, belief, found
    )


def _against_the_second(case: Case, belief: Belief, probability: float, apart: float) -> str:
    """The sentence for a second that is so much worse, with intervals of 0.1."""
    found = table(case, belief)
    first = replace(found.best, score=0.8, low=0.75, high=0.85)
    second = replace(found.rows[1], score=0.8 - apart, low=0.75 - apart, high=0.85 - apart)
    return sentence(case, belief, Table((first, second), (), None, probability))


def test_it_is_honest_about_the_next_best(case: Case, evidence: Evidence) -> None:
    belief = Belief(evidence, case.costs)
    close = _against_the_second(case, belief, 0.6, 0.01)
    assert "too close to call: the first is better with a probability of 60%" in close
    overlap = _against_the_second(case, belief, 0.97, 0.05)
    assert (
        "the intervals overlap, and the first is better on average with a probability of 97%"
        in overlap
    )
    clear = _against_the_second(case, belief, 0.999, 0.3)
    assert "overlap" not in clear and "close" not in clear


def test_one_payable_plan(case: Case) -> None:
    case = replace(case, budget_usd=0.0037)
    belief = Belief(Evidence(), case.costs)
    found = table(case, belief)
    only = Table(found.rows[:1], found.unpayable, None, None)
    assert "nothing else can be paid" in sentence(case, belief, only)


def test_a_saving_is_told(dear: Case, evidence: Evidence) -> None:
    belief = Belief(evidence, dear.costs)
    found = table(dear, belief)
    cheap = replace(
        min(found.rows, key=lambda row: row.plan.ledger.cost_usd), score=found.best.score - 0.005
    )
    said = sentence(dear, belief, replace(found, thrifty=cheap))
    assert "with less money, " in said and "within a point of that" in said


@pytest.mark.parametrize(
    ("share", "text"), [(1, "100%"), (0.999, ">99%"), (0.5, "50%"), (0.001, "<1%"), (0, "0%")]
)
def test_what_is_not_sure_is_not_shown_as_sure(share: float, text: str) -> None:
    assert percent(share) == text


def test_lines_and_json_say_the_same(case: Case, evidence: Evidence) -> None:
    found = answer(case, evidence, usual(case))
    text, values = "\n".join(answer_lines(found)), plain(found)
    assert values["sentence"] == text.splitlines()[0]
    assert (
        "scores: 12 measurements of lexicon from sweep; prior: " in text
        and "prices are scaled" in text
    )
    best = values["plans"][0]
    costs = [
        best[f"cost_{stage}"] for stage in ("labels", "teacher", "pseudo_labels", "student", "llm")
    ]
    assert sum(costs) == pytest.approx(best["cost_total"]) and best["cost_total"] + best[
        "unspent"
    ] == pytest.approx(5)
    assert best["wall_clock_hours"] == pytest.approx(best["gpu_hours"])
    assert {row["strategy"] for row in values["plans"]} == {"annotate", "distill", "mixed"}
    assert len(values["what_if"]) == 4 and [b["name"] for b in values["break_even"]] == [
        "label",
        "gpu_hour",
    ]


def test_wall_clock_is_the_clusters(case: Case) -> None:
    plan = table(case, Belief(Evidence(), case.costs)).best.plan
    assert replace(case, gpus=8).wall_clock_hours(plan) == pytest.approx(
        case.wall_clock_hours(plan) / 8
    )


def test_a_small_pool_is_believed(case: Case) -> None:
    small = replace(case, pool_rows=500)
    found = table(small, Belief(Evidence(), small.costs))
    assert max(row.point.u for row in found.rows) == 500
