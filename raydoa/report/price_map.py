"""Who is best over a whole plane of prices: the best measured strategy at each label and GPU price."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from raydoa.report.pareto import by_plan, points
from raydoa.report.unit_prices import GPU_HOUR, LABEL, prices_of

Floats = NDArray[np.float64]

NEITHER = "neither"


def price_map(
    cells: pd.DataFrame, budget: float, label_usd: Floats, gpu_hour_usd: Floats
) -> NDArray[np.str_]:
    """The best strategy for at most ``budget`` dollars, (GPU prices, label prices).

    Of cells of one task and N; `NEITHER` where nothing measured costs so little and is better than always giving the most
    frequent answer. Costs are not rounded up to micro-dollars here: `raydoa.report.reprice` prices a table, this draws a map.
    Other prices stay as they are.
    """
    assert cells["n"].nunique() == cells["task"].nunique() == 1, "a map is of one task and N"
    prices = prices_of(cells)
    labels, hours = (by_plan(cells, prices[name].units(cells)) for name in (LABEL, GPU_HOUR))
    others = [price.paid(cells) for name, price in prices.items() if name not in (LABEL, GPU_HOUR)]
    rest = by_plan(cells, sum(others, start=0.0 * cells["cost_total"]))
    plans = points(cells).sort_values("score")
    plans = plans[plans["better"]]
    best = np.full((len(gpu_hour_usd), len(label_usd)), NEITHER, dtype=object)
    for plan, strategy in zip(plans["plan"], plans["strategy"], strict=True):
        computing = hours[plan] * gpu_hour_usd[:, None]
        costs = labels[plan] * label_usd[None, :] + computing + rest[plan]
        best[costs <= budget] = strategy
    return best.astype(np.str_)
