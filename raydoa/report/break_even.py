"""Break-even prices of what was measured: where the best strategy at a budget changes as a price moves.

`raydoa.planning.break_even` asks the same of predictions, where any plan can be made. Here plans are those that were
measured. Each costs (units x price + the rest), so it is affordable up to one price, and between two such prices the
best plan is the same: no price has to be tried. Where the best strategy changes, that is known at two prices only: at
``lower`` the one that wins below has its best plan just paid; at ``upper`` it is down to its next smaller plan, and
loses. In between it could buy a plan that nobody measured, so the break-even price lies between the two, and is
not known more precisely than the grid of the sweep allows. Where today's price is 0, what only that can buy counts as well.

Plans that are no better than always giving the most frequent answer win at no price.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from raydoa.report.best_within_budget import budgets_of
from raydoa.report.pareto import PANEL, awaits_labels, by_plan, frontier, points
from raydoa.report.price_map import NEITHER
from raydoa.report.unit_prices import Price, prices_of


@dataclass(frozen=True)
class BreakEvenRange:
    """A price, today and where the best strategy changes.

    Attributes:
        task: the task.
        n: labels owned.
        budget: dollars.
        name: `label`, `gpu_hour`, or a cost item that has a price of its own.
        now: today's price; None where the cells have none, or several.
        lower: the highest price at which ``below`` is known to be best; None where nothing changes.
        upper: the lowest price above it at which ``above`` is known to be best; infinite if that is not known at
            any price.
        below: who is best at lower prices, or at every price.
        above: who is best at higher prices.
    """

    task: str
    n: int
    budget: float
    name: str
    now: float | None
    lower: float | None
    upper: float | None
    below: str
    above: str


def break_evens(
    cells: pd.DataFrame, budgets: Sequence[float] | None = None
) -> list[BreakEvenRange]:
    """Of every price, per task, N and budget: the change that is nearest to today's price."""
    ranges = []
    for key, panel in cells[~awaits_labels(cells)].groupby(PANEL, sort=True):
        if not points(panel)["better"].any():
            continue
        task, n = str(key[0]), int(str(key[1]))
        lines = [(price, price.now(panel), _lines(panel, price)) for price in prices_of(panel).values()]  # fmt: skip
        for budget in budgets or budgets_of(cells):
            for price, now, of_price in lines:
                change = _nearest(_changes(of_price, budget, now), now)
                ranges.append(BreakEvenRange(task, n, budget, price.name, now, *change))
    return ranges


def break_even_table(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> pd.DataFrame:
    """`break_evens` as a table, one row each."""
    names = list(BreakEvenRange.__dataclass_fields__)
    return pd.DataFrame(break_evens(cells, budgets), columns=names)


_Change = tuple[float | None, float | None, str, str]


def _lines(panel: pd.DataFrame, price: Price) -> pd.DataFrame:
    """The plans of one task and N: strategy, score, units that move with the price, and dollars that do not."""
    lines = points(panel).set_index("plan")[["strategy", "score", "cost", "better"]]
    rest = lines["cost"] - by_plan(panel, price.paid(panel))
    lines = lines.assign(units=by_plan(panel, price.units(panel)), rest=rest)
    return lines[lines["better"]]


def _changes(lines: pd.DataFrame, budget: float, now: float | None) -> list[_Change]:
    """Where the best strategy changes, from the lowest price to the highest; if nowhere, who is always best."""
    units = lines["units"].to_numpy(dtype=float)
    left = budget - lines["rest"].to_numpy(dtype=float)
    # The highest price at which a plan is affordable; what has none of it is affordable at any, or never.
    free = np.where(left >= 0, np.inf, -np.inf)
    until = np.where(units > 0, left / np.where(units > 0, units, 1.0), free)
    plans = lines.assign(until=until)[until >= 0 if now == 0 else until > 0]
    # What is affordable at every price comes first, and each plan of this frontier is best from its own price downwards.
    best = plans[frontier(plans.assign(cost=-plans["until"]))].sort_values("until")
    steps = [*best[["strategy", "until"]].itertuples(index=False), (NEITHER, math.inf)]
    changes: list[_Change] = []
    for (below, lower), (above, _) in pairwise(steps):
        if below != above and math.isfinite(lower):
            same = plans["until"][(plans["strategy"] == below) & (plans["until"] > lower)]
            changes.append((lower, same.min() if len(same) else math.inf, below, above))
    return changes or [(None, None, steps[0][0], steps[0][0])]


def _nearest(changes: Sequence[_Change], now: float | None) -> _Change:
    """The change nearest to today's price, in its logarithm; without one, and nearest to 0, the lowest."""

    def distance(change: _Change) -> float:
        lower, upper = change[0], change[1]
        if lower is None or upper is None or not now or lower <= now <= upper:
            return 0.0
        return min(abs(math.log(price / now)) for price in (lower, upper) if math.isfinite(price))

    return min(changes, key=distance)
