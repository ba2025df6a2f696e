"""Where nothing is known, nothing is claimed: what B buys, in exact money, and how to find out what it is worth."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from raydoa.planning.answer import Answer, answer
from raydoa.planning.as_json import as_json
from raydoa.planning.evidence import Evidence, gather
from raydoa.planning.left_out import LeftOut
from raydoa.planning.lines import answer_lines
from raydoa.planning.purchases import purchases
from raydoa.planning.scenario import Scenario
from raydoa.planning.what_if import PriceChange
from raydoa.strategies import STRATEGIES
from tests.unit.planning.conftest import OWNED, WriteSweep, grid, row

CLAIMS = re.compile(r"P\(best\)|80% interval|\bexpect|next best|break-even|best plan|[Pp]robab")


def command(settings: Mapping[str, Any]) -> str:
    return f"measure {dict(settings)}"


def said(answered: Answer) -> str:
    return "\n".join(answer_lines(answered, command))


def test_no_score_rank_or_break_even_is_said(scenario: Scenario) -> None:
    answered = answer(scenario, Evidence())
    text = said(answered)
    assert CLAIMS.search(text) is None, text
    assert "not known: between chance (0.25) and 1" in answered.sentence and "in no order" in text
    plain = as_json(answered, command)
    assert plain["scores_known"] is False and plain["score_range"] == [0.25, 1.0]
    assert plain["break_even"] == plain["what_if"] == [] and plain["first_beats_second"] is None
    for plan in plain["plans"]:
        assert {plan[name] for name in ("score", "score_low", "score_high", "p_best")} == {None}
        assert plan["cost_total"] + plan["unspent"] == pytest.approx(5.0)
        assert plan["gpu_hours"] > 0 and plan["kgco2e"] > 0


@pytest.mark.parametrize(
    ("metric", "least", "words"),
    [
        ("accuracy", 0.5, "between chance (0.50) and 1"),
        ("macro_f1", 1 / 15, "between a constant answer's (0.07) and 1"),
        ("squad_f1", 0.0, "between 0 and 1"),
    ],
)
def test_between_what_a_score_lies(
    scenario: Scenario, metric: str, least: float, words: str
) -> None:
    source = scenario.study.tasks["lexicon"]
    spec = source.spec.model_copy(update={"metric": metric})
    study = replace(scenario.study, tasks={"lexicon": replace(source, spec=spec)})
    question = replace(scenario.question, constant_score=least)
    answered = answer(replace(scenario, study=study, question=question), Evidence())
    assert f"is not known: {words}; " in answered.sentence


def test_the_plans_make_the_most_of_the_budget(large_budget: Scenario) -> None:
    bought = {found.variant: found for found in purchases(large_budget.space)}
    assert bought.keys() == large_budget.space.variants.keys()
    for variant, found in bought.items():
        assert found.ledger.cost_usd <= 300.0
        assert found.ledger.cost_usd + found.unspent_usd == pytest.approx(300.0)
        if variant.strategy != "distill":  # Those have no more rows to pay for.
            assert found.unspent_usd < 2 * large_budget.label_usd
        if variant.choices:
            most = max(large_budget.space.ladders.pools)
            left = large_budget.question.supply.pool(OWNED + found.plan.quantity("labels"))
            assert found.plan.quantity("pseudo_labels") > 0.95 * min(most, left) - 100


def test_where_both_are_dear_labels_get_half(scenario: Scenario) -> None:
    """With a teacher that costs more than it can have, labels do not crowd it out, nor the pool."""
    mixed = [
        row
        for row in purchases(replace(scenario, budget_usd=2.5).space)
        if row.variant.strategy == "mixed"
    ]
    assert mixed
    for found in mixed:
        labels = found.ledger.line("labels")
        assert labels is not None and found.plan.quantity("pseudo_labels") > 5000
        assert found.ledger.cost_usd - labels.cost_usd > 0.2


def test_each_command_measures_its_plan_for_its_dollars(scenario: Scenario) -> None:
    first = answer(scenario, Evidence()).first
    assert [m.strategy for m in first] == ["annotate", "distill", "distill"]
    costs = [m.ledger.cost_usd for m in first]
    assert costs == sorted(costs) and sum(costs) < 1.0
    assert {m.plan.quantity("labels") for m in first} == {0} and {m.plan.n for m in first} == {
        OWNED
    }
    for measurement in first:
        settings = measurement.settings
        axes = {"teacher": settings.get("teachers", [None])[0], "u": settings.get("u", [None])[0]}
        question = replace(scenario.question, axes=axes)
        (name,), (budget,) = settings["strategies"], settings["budgets"]
        assert STRATEGIES.get(name).plan(question, budget) == measurement.plan
        assert measurement.minutes is None, "estimated unit costs are of no machine that is here"
        _, full = question.limits("student", measurement.plan)
        assert measurement.plan.quantity("student") == full


def test_a_machine_that_was_measured_says_minutes(scenario: Scenario) -> None:
    measurement = answer(scenario, Evidence()).first[0]
    lines = [
        replace(line, tariff=replace(line.tariff, basis="measured"))
        for line in measurement.ledger.lines
    ]
    known = replace(measurement, ledger=replace(measurement.ledger, lines=tuple(lines)))
    assert known.minutes == pytest.approx(known.ledger.gpu_seconds / 60)


def test_prices_that_were_asked_for(scenario: Scenario) -> None:
    changes = [PriceChange("label", 0.13), PriceChange("gpu_hour", 1e6)]
    answered = answer(scenario, Evidence(), changes)
    assert "at label = 0.13 (now 0.26):" in said(answered) and CLAIMS.search(said(answered)) is None
    cheaper, nothing = answered.at_prices
    labels = [
        bought.plan.quantity("labels") for bought in (*cheaper.purchases, *answered.purchases)
    ]
    assert labels[0] > 1.9 * labels[len(cheaper.purchases)]
    assert nothing.purchases == () and "the cheapest plan" in str(nothing.why_not)
    plain = as_json(answered, command)["at_prices"]
    assert [at["name"] for at in plain] == ["label", "gpu_hour"] and plain[1]["why_not"]
    json.dumps(plain)


def test_one_measurement_of_the_task_is_something(
    scenario: Scenario, write_sweep: WriteSweep
) -> None:
    known = gather([write_sweep([row(score=0.4)])], scenario.question, scenario.study)
    answered = answer(scenario, known)
    assert answered.expected is not None and answered.first == ()
    assert "P(best)" in said(answered)


def test_other_tasks_say_nothing_unless_they_predict(
    scenario: Scenario, write_sweep: WriteSweep
) -> None:
    """Two data sets cannot show that they do."""
    rows = [*grid("tickets"), *grid("mails")]
    known = gather([write_sweep(rows)], scenario.question, scenario.study)
    answered = answer(scenario, known)
    assert answered.expected is None and CLAIMS.search(said(answered)) is None
    assert any("2 other data sets are too few" in line for line in answered.sources)


@pytest.mark.parametrize("predicts", [True, False])
def test_other_tasks_that_were_shown_to_predict(
    scenario: Scenario, write_sweep: WriteSweep, predicts: bool
) -> None:
    """What showed it is told, and that nothing of this task was measured."""
    names = ("tickets", "mails", "claims", "news")
    rows = [values for name in names for values in grid(name)]
    known = gather([write_sweep(rows)], scenario.question, scenario.study)
    better, worse = (0.3, 0.31, 0.32, 0.33), (0.8,) * 4
    cold = better if predicts else worse
    vars(known)["left_out"] = LeftOut(4, cold, worse, better, worse)
    answered = answer(scenario, known)
    assert (answered.expected is not None) == predicts
    assert answered.sources[0] == "nothing of lexicon has been measured"
    assert "left out one at a time, 4 other data sets" in answered.sources[1]
    assert ("and other data sets predict it" in answered.sentence) == predicts
    assert "mails in sweep" in known.knowledge.prior.source
