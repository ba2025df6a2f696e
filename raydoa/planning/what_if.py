"""What if a price were another: the best plan at other prices, one change at a time.

A change is written NAME=NUMBER. `label` and `gpu_hour` are the prices that the plan pays; `gpu.NAME` plans on that
accelerator of the price book, `grid.REGION` in that region (its number is kgCO2e per kWh).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from raydoa.errors import UserError, did_you_mean
from raydoa.planning.belief import Belief
from raydoa.planning.case import Case
from raydoa.planning.outlook import Outlook, best_plan

_WHY = "what if"
_FACTORS = (0.5, 2.0)


@dataclass(frozen=True)
class Change:
    """A price by its name, and the number that is tried."""

    name: str
    value: float


@dataclass(frozen=True)
class WhatIf:
    """The best plan at another price; None, and why, where nothing can be paid. ``now`` is None for what the
    question does not have: another accelerator, another region."""

    change: Change
    now: float | None
    best: Outlook | None
    kgco2e: float = 0.0
    why_not: str | None = None


def parse(text: str, case: Case) -> Change:
    """Read NAME=NUMBER.

    Raises:
        UserError: there is no such price, or that is no price.
    """
    name, equals, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not equals or not (math.isfinite(value) and value > 0):
        raise UserError(f"--what-if: found {text!r}; expected NAME=NUMBER with a number above 0")
    known = names(case)
    if name not in known:
        raise UserError(
            f"--what-if: found {name!r}; prices of this plan are {', '.join(known)}{did_you_mean(name, known)}"
        )
    return Change(name, value)


def names(case: Case) -> list[str]:
    """The prices that can be changed."""
    accelerators = [f"gpu.{name}" for name in case.book.accelerators]
    regions = [f"grid.{name}" for name in case.book.grid]
    return ["label", "gpu_hour", f"label.{case.task}", *accelerators, *regions]


def usual(case: Case) -> list[Change]:
    """Each of the two prices halved and doubled."""
    now = {"label": case.label_usd, "gpu_hour": case.gpu_hour_usd}
    return [Change(name, usd * factor) for name, usd in now.items() for factor in _FACTORS]


def changed(case: Case, change: Change) -> Case:
    """The question at that price."""
    kind, _, name = change.name.partition(".")
    if kind == "label":
        return case.with_label_price(change.value, _WHY)
    if kind == "grid":
        return case.with_grid_intensity(name, change.value, _WHY)
    return case.with_gpu_price(change.value, _WHY, name or None)


def what_ifs(case: Case, belief: Belief, changes: Sequence[Change]) -> list[WhatIf]:
    """The best plan at each change."""
    return [_what_if(case, belief, change) for change in changes]


def _what_if(case: Case, belief: Belief, change: Change) -> WhatIf:
    other = changed(case, change)
    now = _now(case, change)
    try:
        best = best_plan(other, belief)
    except UserError as mistake:
        return WhatIf(change, now, None, why_not=str(mistake))
    return WhatIf(change, now, best, other.kgco2e(best.plan))


def _now(case: Case, change: Change) -> float | None:
    kind, _, name = change.name.partition(".")
    if kind == "label":
        return case.label_usd
    if kind == "grid":
        return case.book.grid[name].value if name == case.study.sweep.region else None
    if name and name != case.study.sweep.accelerator:
        return None
    return case.gpu_hour_usd
