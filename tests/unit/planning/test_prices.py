"""What-ifs and break-even prices: roots of known functions, and plans at other prices."""

import math
from dataclasses import replace

import pytest

from raydoa.errors import UserError
from raydoa.planning.belief import Belief
from raydoa.planning.break_even import Sides, advantage, break_even_prices, crossing
from raydoa.planning.evidence import Evidence, gather
from raydoa.planning.outlook import best_plan
from raydoa.planning.scenario import Scenario
from raydoa.planning.what_if import PriceChange, changed, names, parse_change, usual, what_ifs
from tests.unit.planning.conftest import WriteSweep, grid

SIDES = Sides("annotate", "distill")


@pytest.mark.parametrize("root", [0.001, 0.09, 0.26, 0.9, 200.0])
def test_a_root_is_found(root: float) -> None:
    found = crossing("label", 0.26, lambda usd: math.log(usd / root), SIDES)
    assert found.price == pytest.approx(root, rel=0.01) and found.below == "annotate"
    falling = crossing("gpu_hour", 0.26, lambda usd: math.log(root / usd), SIDES)
    assert falling.price == pytest.approx(root, rel=0.01) and falling.below == "distill"


def test_no_root_in_a_wide_range() -> None:
    found = crossing("label", 0.26, lambda usd: 1.0, SIDES)
    assert found.price is None and found.below == "distill"
    assert found.low < 0.26 / 1000 and found.high > 0.26 * 1000
    assert crossing("label", 0.26, lambda usd: None, SIDES).below == "neither"


def test_of_two_roots_the_nearer_is_taken() -> None:
    found = crossing("label", 1.0, lambda usd: (math.log(usd) - 0.5) * (math.log(usd) + 5), SIDES)
    assert found.price == pytest.approx(math.exp(0.5), rel=0.01)


def test_prices_at_which_nothing_is_affordable_are_skipped() -> None:
    found = crossing("gpu_hour", 1.0, lambda usd: 3 - usd if usd < 10 else None, SIDES)
    assert found.price == pytest.approx(3, rel=0.01)


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
        ("label", "--what-if: found 'label'; expected NAME=NUMBER with a number above 0"),
        ("label=", "expected NAME=NUMBER"),
        ("label=0", "with a number above 0"),
        ("label=-1", "with a number above 0"),
        ("label=nan", "with a number above 0"),
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
        best_plan(scenario, belief),
        best_plan(changed(scenario, PriceChange("grid.france", 0.03)), belief),
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
