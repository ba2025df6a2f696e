"""Break-even prices of what was measured: where the best strategy at a budget changes as a price moves.

`raydoa.planning.break_even` asks the same of predictions, where any plan can be made. Here plans are those that were
measured. Each costs (quantity x price + the rest), so it can be paid up to one price, and between two such prices the
best plan is the same: no price has to be tried. Where the best strategy changes, that is known at two prices only: at
``lower`` the one that wins below has its best plan just paid; at ``upper`` it is down to its next smaller plan, and
loses. In between it could buy a plan that nobody measured, so the break-even price lies between the two, and is
not told more precisely than the grid of the sweep allows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from raydoa.report.best_within_budget import budgets_of
from raydoa.report.pareto import PANEL, points
from raydoa.report.prices_now import gpu_hour_usd, label_usd
from raydoa.report.reprice import gpu_seconds

Price = Literal["label", "gpu_hour"]


@dataclass(frozen=True)
class BreakEven:
    """A price, today and where the best strategy changes.

    Attributes:
        task: the task.
        n: labels owned.
        budget: dollars.
        name: `label` or `gpu_hour`.
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
    name: Price
    now: float | None
    lower: float | None
    upper: float | None
    below: str
    above: str


def break_evens(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> list[BreakEven]:
    """Of the label's price and the GPU-hour's, per task, N and budget: the change that is nearest to today's price."""
    found = []
    for key, panel in cells.groupby(PANEL, sort=True):
        lines = _lines(panel)
        if lines.empty:
            continue
        task, n = str(key[0]), int(str(key[1]))
        now: dict[Price, float | None] = {
            "label": label_usd(panel),
            "gpu_hour": gpu_hour_usd(panel),
        }
        for budget in budgets or budgets_of(cells):
            for name, price in now.items():
                change = _nearest(_changes(lines, name, budget), price)
                found.append(BreakEven(task, n, budget, name, price, *change))
    return found


def break_even_table(cells: pd.DataFrame, budgets: Sequence[float] | None = None) -> pd.DataFrame:
    """`break_evens` as a table, one row each."""
    return pd.DataFrame(break_evens(cells, budgets), columns=list(BreakEven.__dataclass_fields__))


Change = tuple[float | None, float | None, str, str]


def _lines(panel: pd.DataFrame) -> pd.DataFrame:
    """The plans of one task and N: strategy, score, and what a label's and a GPU-hour's dollar add to the cost."""
    hours = points(panel.assign(_hours=gpu_seconds(panel) / 3600), "_hours")
    paid = points(panel.assign(_paid=panel["cost_labels"]), "_paid").set_index("plan")["cost"]
    total = points(panel).set_index("plan")["cost"]
    lines = hours.set_index("plan")[["strategy", "score", "labels", "cost"]]
    lines = lines.rename(columns={"labels": "label", "cost": "gpu_hour"})
    lines["rest_label"] = total - paid
    lines["rest_gpu_hour"] = paid
    return lines


def _changes(lines: pd.DataFrame, name: Price, budget: float) -> list[Change]:
    """Where the best strategy changes, from the lowest price to the highest; if nowhere, who is always best."""
    units = lines[name].to_numpy(dtype=float)
    room = budget - lines[f"rest_{name}"].to_numpy(dtype=float)
    # The highest price at which a plan can be paid; what has none of it can be paid at any, or never.
    free = np.where(room >= 0, np.inf, -np.inf)
    until = np.where(units > 0, room / np.where(units > 0, units, 1.0), free)
    plans = lines.assign(until=until)[until > 0].sort_values(
        ["until", "score"], ascending=[False, True], kind="stable"
    )
    if plans.empty:
        return [(None, None, "neither", "neither")]
    steps: list[Change] = []
    best, strategy = -math.inf, "neither"
    last: dict[str, float] = {}
    for plan in plans.to_dict("records"):
        name_of, until_this = str(plan["strategy"]), float(plan["until"])
        if plan["score"] > best:
            if name_of != strategy and math.isfinite(until_this):
                steps.append((until_this, last.get(name_of, math.inf), name_of, strategy))
            best, strategy = float(plan["score"]), name_of
        last[name_of] = until_this
    return steps[::-1] or [(None, None, strategy, strategy)]


def _nearest(changes: Sequence[Change], now: float | None) -> Change:
    """The change nearest to today's price, in its logarithm; without one, the lowest."""

    def distance(change: Change) -> float:
        lower, upper = change[0], change[1]
        if lower is None or upper is None or now is None or lower <= now <= upper:
            return 0.0
        return min(abs(math.log(price / now)) for price in (lower, upper) if math.isfinite(price))

    return min(changes, key=distance)
