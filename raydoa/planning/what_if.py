"""What if a price were another: the best plan at other prices, one change at a time.

A change is written NAME=NUMBER. `label` and `gpu_hour` are the prices that the plan pays; `gpu.NAME` plans on that
accelerator of the price book, `grid.REGION` in that region (its number is kgCO2e per kWh). 0 is a price: of GPUs of
one's own, or of labels that nobody is paid for.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from raydoa.errors import UserError, did_you_mean
from raydoa.planning.belief import Belief
from raydoa.planning.outlook import Outlook, best_plan
from raydoa.planning.purchases import NotOffered, Purchase, not_offered, purchases
from raydoa.planning.scenario import Scenario

_WHY = "what if"
_FACTORS = (0.5, 2.0)


@dataclass(frozen=True)
class PriceChange:
    """A price by its name, and the number that is tried."""

    name: str
    value: float


@dataclass(frozen=True)
class WhatIf:
    """The best plan at another price; None, and why, where nothing is affordable.

    ``now`` is None for what the question does not have: another accelerator, another region.
    """

    change: PriceChange
    now: float | None
    best: Outlook | None
    kgco2e: float = 0.0
    why_not: str | None = None


@dataclass(frozen=True)
class AtPrice:
    """What is bought at another price; nothing, and why, where nothing is affordable."""

    change: PriceChange
    now: float | None
    scenario: Scenario
    purchases: tuple[Purchase, ...]
    not_offered: tuple[NotOffered, ...] = ()
    why_not: str | None = None


def parse_change(text: str, scenario: Scenario) -> PriceChange:
    """Read NAME=NUMBER.

    Raises:
        UserError: there is no such price, or that is no price.
    """
    name, equals, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not equals or not (math.isfinite(value) and value >= 0):
        raise UserError(f"--what-if: found {text!r}; expected NAME=NUMBER with a number from 0 up")
    prices = names(scenario)
    if name not in prices:
        raise UserError(
            f"--what-if: found {name!r}; prices of this plan are {', '.join(prices)}{did_you_mean(name, prices)}"
        )
    return PriceChange(name, abs(value))  # Of -0 as well.


def names(scenario: Scenario) -> list[str]:
    """The prices that can be changed."""
    accelerators = [f"gpu.{name}" for name in scenario.book.accelerators]
    regions = [f"grid.{name}" for name in scenario.book.grid]
    return ["label", "gpu_hour", f"label.{scenario.question.task}", *accelerators, *regions]


def usual(scenario: Scenario) -> list[PriceChange]:
    """Each of the two prices halved and doubled; nothing of a price of 0, which stays what it is."""
    now = {"label": scenario.label_usd, "gpu_hour": scenario.gpu_hour_usd}
    return [
        PriceChange(name, usd * factor) for name, usd in now.items() if usd for factor in _FACTORS
    ]


def changed(scenario: Scenario, change: PriceChange) -> Scenario:
    """The question at that price."""
    kind, _, name = change.name.partition(".")
    if kind == "label":
        return scenario.with_label_price(change.value, _WHY)
    if kind == "grid":
        return scenario.with_grid_intensity(name, change.value, _WHY)
    return scenario.with_gpu_price(change.value, _WHY, name or None)


def what_ifs(scenario: Scenario, belief: Belief, changes: Sequence[PriceChange]) -> list[WhatIf]:
    """The best plan at each change."""
    return [_what_if(scenario, belief, change) for change in changes]


def at_prices(scenario: Scenario, changes: Sequence[PriceChange]) -> Iterator[AtPrice]:
    """What the budget buys at each change."""
    for change in changes:
        other, now = changed(scenario, change), _now(scenario, change)
        try:
            bought = purchases(other.space)
        except UserError as mistake:
            yield AtPrice(change, now, other, (), why_not=str(mistake))
            continue
        rest = not_offered(other.space, {row.variant for row in bought})
        yield AtPrice(change, now, other, bought, tuple(rest))


def _what_if(scenario: Scenario, belief: Belief, change: PriceChange) -> WhatIf:
    other = changed(scenario, change)
    now = _now(scenario, change)
    try:
        best = best_plan(other.space, belief)
    except UserError as mistake:
        return WhatIf(change, now, None, why_not=str(mistake))
    return WhatIf(change, now, best, other.study.kgco2e(best.ledger))


def _now(scenario: Scenario, change: PriceChange) -> float | None:
    kind, _, name = change.name.partition(".")
    sweep = scenario.study.sweep
    if kind == "label":
        return scenario.label_usd
    if kind == "grid":
        return scenario.book.grid[name].value if name == sweep.region else None
    return scenario.gpu_hour_usd if name in ("", sweep.accelerator) else None
