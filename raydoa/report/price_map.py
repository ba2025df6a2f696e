"""Who is best over a whole plane of prices: the best measured strategy at each label and GPU price."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from raydoa.report.pareto import points
from raydoa.report.reprice import gpu_seconds

Floats = NDArray[np.float64]

NEITHER = "neither"


def price_map(
    cells: pd.DataFrame, budget: float, label_usd: Floats, gpu_hour_usd: Floats
) -> NDArray[np.str_]:
    """The best strategy for at most ``budget`` dollars, (GPU prices, label prices).

    Of cells of one task and N; `NEITHER` where nothing measured costs so little. Costs are not rounded up to
    micro-dollars here: `raydoa.report.reprice` prices a table, this draws a map.
    """
    assert cells["n"].nunique() == cells["task"].nunique() == 1, "a map is of one task and N"
    plans = points(cells.assign(_hours=gpu_seconds(cells) / 3600), "_hours").sort_values("score")
    best = np.full((len(gpu_hour_usd), len(label_usd)), NEITHER, dtype=object)
    for plan in plans.to_dict("records"):
        costs = plan["labels"] * label_usd[None, :] + plan["cost"] * gpu_hour_usd[:, None]
        best[costs <= budget] = plan["strategy"]
    return best.astype(np.str_)
