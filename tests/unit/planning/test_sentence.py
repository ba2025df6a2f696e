"""The sentence says what to buy, what to expect and how sure that is, and claims no more than is known."""

from dataclasses import replace

import pytest

from raydoa.costs.items import ITEMS
from raydoa.planning.answer import answer
from raydoa.planning.as_json import as_json
from raydoa.planning.belief import Belief
from raydoa.planning.evidence import Evidence, gather
from raydoa.planning.lines import answer_lines
from raydoa.planning.outlook import Table, table
from raydoa.planning.scenario import Scenario, scenario_of
from raydoa.planning.sentence import advice, rounded_percent, sentence
from raydoa.planning.what_if import usual
from tests.unit.planning.conftest import OWNED, WriteSweep, grid


@pytest.fixture
def evidence(scenario: Scenario, write_sweep: WriteSweep) -> Evidence:
    return gather([write_sweep(grid())], scenario.question, scenario.study)


def test_what_to_buy_and_what_else(scenario: Scenario, evidence: Evidence) -> None:
    belief = Belief(evidence, scenario.question)
    found = table(scenario.space, belief)
    said = sentence(scenario, belief, found)
    assert (
        "guess" not in said
        and "istil nano-" in said
        and said.endswith(".")
        and said.count(". ") == 0
    )
    assert (
        f"expect {100 * found.best.score:.1f} accuracy (with 80% probability between {100 * found.best.low:.1f} and"
        in said
    )
    assert (
        "of the $5.00" in said
        and "the next best, " in said
        and f"{100 * found.rows[1].score:.1f}" in said
    )


def test_extrapolation_is_mentioned(scenario: Scenario, evidence: Evidence) -> None:
    belief = Belief(evidence, scenario.question)
    found = table(scenario.space, belief)
    assert found.best.plan.quantity("pseudo_labels") > 4500
    assert "which is extrapolated: at most 3,000 pseudo-labels were measured" in sentence(
        scenario, belief, found
    )


def _against_the_second(
    scenario: Scenario, belief: Belief, probability: float, apart: float
) -> str:
    """The sentence for a second that is so much worse, with intervals of 0.1."""
    found = table(scenario.space, belief)
    first = replace(found.best, score=0.8, low=0.75, high=0.85)
    second = replace(found.rows[1], score=0.8 - apart, low=0.75 - apart, high=0.85 - apart)
    return sentence(scenario, belief, Table((first, second), None, probability))


def test_it_is_honest_about_the_next_best(scenario: Scenario, evidence: Evidence) -> None:
    belief = Belief(evidence, scenario.question)
    close = _against_the_second(scenario, belief, 0.6, 0.01)
    assert "too close to call: the first is better with a probability of 60%" in close
    overlap = _against_the_second(scenario, belief, 0.97, 0.05)
    assert (
        "the intervals overlap, and the first is better on average with a probability of 97%"
        in overlap
    )
    clear = _against_the_second(scenario, belief, 0.999, 0.3)
    assert "overlap" not in clear and "close" not in clear


def test_one_affordable_plan(scenario: Scenario) -> None:
    scenario = replace(scenario, budget_usd=0.0037)
    belief = Belief(Evidence(), scenario.question)
    found = table(scenario.space, belief)
    only = Table(found.rows[:1], None, None)
    assert "nothing else is affordable" in sentence(scenario, belief, only)


def test_a_saving_is_mentioned(large_budget: Scenario, evidence: Evidence) -> None:
    belief = Belief(evidence, large_budget.question)
    found = table(large_budget.space, belief)
    cheap = replace(
        min(found.rows, key=lambda row: row.ledger.cost_usd), score=found.best.score - 0.005
    )
    said = sentence(large_budget, belief, replace(found, thrifty=cheap))
    assert "for less money, " in said and "within a point of that" in said


@pytest.mark.parametrize(
    ("share", "text"), [(1, "100%"), (0.999, ">99%"), (0.5, "50%"), (0.001, "<1%"), (0, "0%")]
)
def test_what_is_not_sure_is_not_shown_as_sure(share: float, text: str) -> None:
    assert rounded_percent(share) == text


def test_lines_and_json_say_the_same(scenario: Scenario, evidence: Evidence) -> None:
    found = answer(scenario, evidence, usual(scenario))
    text = "\n".join(answer_lines(found, lambda settings: ""))
    values = as_json(found, lambda settings: "")
    assert values["sentence"] == text.splitlines()[0]
    assert (
        "scores: 12 measurements of lexicon from sweep; prior: " in text
        and "prices are scaled" in text
    )
    best = values["plans"][0]
    costs = [best[f"cost_{item}"] for item in ITEMS.names()]
    assert sum(costs) == pytest.approx(best["cost_total"]) and best["cost_total"] + best[
        "unspent"
    ] == pytest.approx(5)
    assert best["wall_clock_hours"] == pytest.approx(best["gpu_hours"])
    assert {row["strategy"] for row in values["plans"]} == {"annotate", "distill", "mixed"}
    assert len(values["what_if"]) == 4 and [b["name"] for b in values["break_even"]] == [
        "label",
        "gpu_hour",
    ]


def test_wall_clock_is_the_clusters(scenario: Scenario) -> None:
    ledger = table(scenario.space, Belief(Evidence(), scenario.question)).best.ledger
    assert replace(scenario, gpus=8).wall_clock_hours(ledger) == pytest.approx(
        scenario.wall_clock_hours(ledger) / 8
    )


def test_a_small_pool_is_believed(scenario: Scenario) -> None:
    small = scenario_of(scenario.study, "lexicon", OWNED, 5.0, pool_rows=500)
    found = table(small.space, Belief(Evidence(), small.question))
    assert max(row.plan.quantity("pseudo_labels") for row in found.rows) == 500


@pytest.mark.parametrize(
    ("bought", "words"), [(1, "buy 1 label and distil"), (24, "buy 24 labels and")]
)
def test_labels_are_counted_in_words(scenario: Scenario, bought: int, words: str) -> None:
    belief = Belief(Evidence(), scenario.question)
    mixed = next(
        row
        for row in table(scenario.space, belief).rows
        if row.plan.quantity("labels") and row.plan.choices
    )
    assert words in advice(replace(mixed, plan=mixed.plan.with_quantities(labels=bought)), scenario)


def test_the_table_has_all_items_and_strategies(scenario: Scenario) -> None:
    """Whatever is in the registries and in some plan is in the table, by its own title."""
    text = "\n".join(answer_lines(answer(scenario, Evidence()), lambda settings: ""))
    plans = scenario.space.variants.values()
    items = [item for item in ITEMS if any(plan.quantity(item.name) for plan in plans)]
    assert {"teacher", "pseudo_labels", "student"} < {item.name for item in items}
    titles = [word for item in items for word in item.title.split()]
    assert all(word in text for word in titles)
    assert all(
        f"{name}" in text for name in {variant.strategy for variant in scenario.space.variants}
    )
