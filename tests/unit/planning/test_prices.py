"""What-ifs and break-even prices: roots of known functions, and plans at other prices."""

import json
import math
from dataclasses import replace

import pytest

from raydoa.costs.question import Supply
from raydoa.errors import UserError
from raydoa.planning.answer import answer
from raydoa.planning.as_json import as_json
from raydoa.planning.belief import Belief
from raydoa.planning.break_even import (
    Advantage,
    BreakEvenPrice,
    Sides,
    advantage,
    around,
    break_even_prices,
    crossing,
)
from raydoa.planning.evidence import Evidence, gather
from raydoa.planning.lines import answer_lines
from raydoa.planning.outlook import best_plan
from raydoa.planning.scenario import Scenario
from raydoa.planning.what_if import PriceChange, changed, names, parse_change, usual, what_ifs
from tests.unit.planning.conftest import WriteSweep, grid, measurement

SIDES = Sides("annotate", "distill")


def _crossing(name: str, now: float, ahead: Advantage, most: float = 50.0) -> BreakEvenPrice:
    return crossing(name, now, around(now, most), ahead, SIDES)


@pytest.mark.parametrize("root", [0.001, 0.09, 0.26, 0.9, 200.0])
def test_a_root_is_found(root: float) -> None:
    found = _crossing("label", 0.26, lambda usd: math.log(usd / root))
    assert found.price == pytest.approx(root, rel=0.01) and found.below == "annotate"
    falling = _crossing("gpu_hour", 0.26, lambda usd: math.log(root / usd))
    assert falling.price == pytest.approx(root, rel=0.01) and falling.below == "distill"


def test_no_root_in_a_wide_range() -> None:
    found = _crossing("label", 0.26, lambda usd: 1.0)
    assert found.price is None and found.below == "distill"
    assert found.low < 0.26 / 1000 and found.high > 0.26 * 1000
    assert _crossing("label", 0.26, lambda usd: None).below == "neither"


def test_of_two_roots_the_nearer_is_taken() -> None:
    found = _crossing("label", 1.0, lambda usd: (math.log(usd) - 0.5) * (math.log(usd) + 5))
    assert found.price == pytest.approx(math.exp(0.5), rel=0.01)


def test_prices_at_which_nothing_is_affordable_are_skipped() -> None:
    found = _crossing("gpu_hour", 1.0, lambda usd: 3 - usd if usd < 10 else None)
    assert found.price == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("root", [0.00007, 0.26, 49.0])
def test_a_root_is_found_from_a_price_of_0(root: float) -> None:
    found = _crossing("label", 0.0, lambda usd: usd - root, most=50.0)
    assert found.price == pytest.approx(root, rel=0.01)
    assert (found.now, found.low, found.high) == (0.0, 0.0, 50.0)
    assert (found.below, found.above) == ("annotate", "distill")


def test_from_0_the_lowest_of_two_roots_is_the_nearest() -> None:
    found = _crossing("label", 0.0, lambda usd: (usd - 1) * (usd - 20), most=50.0)
    assert found.price == pytest.approx(1.0, rel=0.01) and found.below == "distill"


def test_what_only_0_buys_is_told_from_what_a_millionth_does() -> None:
    found = _crossing("label", 0.0, lambda usd: 1.0 if usd else -1.0, most=50.0)
    assert found.price == pytest.approx(50 / 4**10) and found.below == "annotate"
    always = _crossing("label", 0.0, lambda usd: 1.0, most=50.0)
    assert always.price is None and always.below == always.above == "distill"
    # Without a budget nothing but what is free is bought at any price.
    assert _crossing("label", 0.0, lambda usd: 1.0, most=0.0).high == 0.0


def test_break_evens_change_places_there(large_budget: Scenario, write_sweep: WriteSweep) -> None:
    belief = Belief(
        gather([write_sweep(grid())], large_budget.question, large_budget.study),
        large_budget.question,
    )
    label, gpu_hour = break_even_prices(large_budget, belief)
    assert (label.name, label.now, gpu_hour.name) == ("label", 0.26, "gpu_hour")
    assert label.price is not None and (label.below, label.above) == ("annotate", "distill")
    below, above = (
        advantage(large_budget.with_label_price(label.price * f, "a test"), belief)
        for f in (0.9, 1.1)
    )
    assert below is not None and above is not None and below < 0 < above


def test_what_is_unaffordable_loses(scenario: Scenario) -> None:
    belief = Belief(Evidence(), scenario.question)
    assert advantage(scenario.with_gpu_price(200.0, "a test"), belief) is not None
    assert advantage(replace(scenario, budget_usd=0.0), belief) is None
    assert advantage(replace(scenario, budget_usd=0.0037), belief) == -1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label", "--what-if: found 'label'; expected NAME=NUMBER with a number from 0 up"),
        ("label=", "expected NAME=NUMBER"),
        ("label=-1", "with a number from 0 up"),
        ("label=nan", "with a number from 0 up"),
        ("gpu_hour=inf", "with a number from 0 up"),
        ("gpu_hours=2", "found 'gpu_hours'; prices of this plan are label, gpu_hour, label.lexicon, gpu.a100-40gb"),
        ("gpu_hours=2", "(did you mean 'gpu_hour'?)"),
        ("label.wlp=0.2", "found 'label.wlp'"),
        ("gpu.h200=2", "found 'gpu.h200'"),
    ],
)  # fmt: skip
def test_mistakes(scenario: Scenario, text: str, message: str) -> None:
    with pytest.raises(UserError) as mistake:
        parse_change(text, scenario)
    assert message in str(mistake.value)


def test_every_named_price_can_be_changed(scenario: Scenario) -> None:
    for name in names(scenario):
        assert changed(scenario, parse_change(f"{name}=1.5", scenario)).space.plans()


def test_what_each_change_is(scenario: Scenario) -> None:
    assert changed(scenario, PriceChange("label", 0.1)).label_usd == 0.1
    assert changed(scenario, PriceChange("label.lexicon", 0.1)).label_usd == 0.1
    assert changed(scenario, PriceChange("gpu_hour", 1.5)).gpu_hour_usd == 1.5
    other = changed(scenario, PriceChange("gpu.h100-80gb", 3.99))
    assert (other.study.sweep.accelerator, other.gpu_hour_usd) == ("h100-80gb", 3.99)
    belief = Belief(Evidence(), scenario.question)
    here, there = (
        best_plan(scenario.space, belief),
        best_plan(changed(scenario, PriceChange("grid.france", 0.03)).space, belief),
    )
    assert here == there
    assert changed(scenario, PriceChange("grid.france", 0.03)).study.kgco2e(
        there.ledger
    ) < scenario.study.kgco2e(here.ledger)


def test_the_best_plan_at_each_price(scenario: Scenario) -> None:
    belief = Belief(Evidence(), scenario.question)
    dearer = [PriceChange("label", 1e5), PriceChange("gpu_hour", 1e5)]
    found = what_ifs(scenario, belief, [*usual(scenario), *dearer])
    assert [(row.change.name, row.change.value) for row in found[:4]] == [
        ("label", 0.13), ("label", 0.52), ("gpu_hour", scenario.gpu_hour_usd / 2), ("gpu_hour", scenario.gpu_hour_usd * 2),
    ]  # fmt: skip
    assert found[4].best is not None and found[4].best.plan.quantity("labels") == 0
    assert found[5].best is None and "the cheapest plan" in str(found[5].why_not)
    assert found[0].best is not None and found[0].now == 0.26


def test_a_price_of_0_is_a_price(scenario: Scenario) -> None:
    belief = Belief(Evidence(), scenario.question)
    changes = [parse_change(f"{name}=0", scenario) for name in names(scenario)]
    for row in what_ifs(scenario, belief, changes):
        assert row.best is not None, row
        free = {"label": "labels", "gpu_hour": "student"}.get(row.change.name.partition(".")[0])
        line = row.best.ledger.line(free or "teacher")
        assert line is None or line.cost_usd == 0 or row.change.name.startswith("grid")
    assert parse_change("label=-0", scenario) == PriceChange("label", 0.0)
    assert math.copysign(1, parse_change("label=-0", scenario).value) == 1
    labels = changed(scenario, PriceChange("label", 0.0))
    most = best_plan(labels.space, belief).plan
    assert most.quantity("labels") + most.n <= scenario.question.supply.labels(0)
    dark = changed(scenario, PriceChange("grid.us", 0.0))
    assert dark.study.kgco2e(best_plan(dark.space, belief).ledger) == 0


def test_a_price_of_0_is_neither_halved_nor_doubled(scenario: Scenario) -> None:
    owned_gpus = scenario.with_gpu_price(0.0, "our own")
    assert [change.name for change in usual(owned_gpus)] == ["label", "label"]
    assert usual(owned_gpus.with_label_price(0.0, "our own")) == []


@pytest.mark.parametrize("label_usd", [0.0, 0.26])
@pytest.mark.parametrize("gpu_hour_usd", [0.0, 2.74470525])
@pytest.mark.parametrize("budget_usd", [0.0, 5.0])
def test_a_whole_answer_where_something_is_free(
    scenario: Scenario, label_usd: float, gpu_hour_usd: float, budget_usd: float
) -> None:
    asked = replace(scenario, budget_usd=budget_usd).with_label_price(label_usd, "a test")
    asked = asked.with_gpu_price(gpu_hour_usd, "a test")
    if not budget_usd and gpu_hour_usd:
        with pytest.raises(UserError, match="the cheapest plan"):
            asked.space.plans()
        return
    known = (measurement(0.5), measurement(0.5, 100, "nano-m", 1000, 192))
    found = answer(asked, Evidence(known), usual(asked))
    assert found.expected is not None
    best, thrifty = found.expected.table.best, found.expected.table.thrifty
    assert best.ledger.cost_usd <= budget_usd
    assert thrifty is None or thrifty.ledger.cost_usd < best.ledger.cost_usd
    prices = {price.name: price for price in found.expected.break_evens}
    for name, now in (("label", label_usd), ("gpu_hour", gpu_hour_usd)):
        assert prices[name].now == now
        assert prices[name].low <= now <= prices[name].high
    for answered in (found, answer(asked, Evidence())):
        assert "\n".join(answer_lines(answered, lambda settings: ""))
        assert json.dumps(as_json(answered, lambda settings: ""), allow_nan=False)


def test_from_free_gpus_the_break_even_price_is_the_same(large_budget: Scenario, write_sweep: WriteSweep) -> None:  # fmt: skip
    """The advantage at a price does not depend on today's."""
    belief = Belief(
        gather([write_sweep(grid())], large_budget.question, large_budget.study),
        large_budget.question,
    )
    label, _ = break_even_prices(large_budget, belief)
    free, _ = break_even_prices(large_budget.with_label_price(0.0, "our own"), belief)
    assert label.price is not None and free.price == pytest.approx(label.price, rel=0.01)
    assert (free.below, free.above) == (label.below, label.above)


def test_what_is_free_without_end_is_refused(scenario: Scenario) -> None:
    uncounted = replace(scenario.question, supply=Supply(pool_limit=5000))
    free = replace(scenario, question=uncounted).with_label_price(0.0, "our own")
    assert free.space.plans(), "computing is paid for, and ends it"
    with pytest.raises(
        UserError,
        match=r"lexicon: its labels and training on them cost nothing, and its rows cannot",
    ):
        free.with_gpu_price(0.0, "our own").space.plans()  # fmt: skip
