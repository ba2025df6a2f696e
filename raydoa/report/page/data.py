"""What the page knows: the cells, column by column, and the plans that they measured.

Which cells are one plan, and what its seeds scored, does not depend on prices, so it is told from here; what a plan
costs, and all that follows, the page works out anew at each step of a slider.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from raydoa.errors import UserError
from raydoa.report.columns import TYPES
from raydoa.report.overview import notes
from raydoa.report.pareto import POINT, points, seed_scores
from raydoa.report.prices_now import gpu_hour_usd, label_usd
from raydoa.report.results import Found

Json = dict[str, Any]


def page_data(cells: pd.DataFrame, budgets: Sequence[float], gaps: Sequence[str] = ()) -> Json:
    """Everything that is in the page, as plain values.

    Args:
        cells: rows of `raydoa.report.results.load`, repriced or not.
        budgets: dollars, smallest first, that are offered to look at.
        gaps: what its reader must know before all else, as `gaps_in` tells.

    Raises:
        UserError: a number is infinite, which no chart can show.
    """
    return {
        "columns": [_column(cells, name, kind) for name, kind in TYPES.items()],
        "plans": _plans(cells),
        "prices": {
            "label": {str(task): label_usd(group) for task, group in cells.groupby("task")},
            "gpu_hour": {str(a): gpu_hour_usd(group) for a, group in cells.groupby("accelerator")},
        },
        "budgets": list(budgets),
        "notes": [*gaps, *notes(cells)],
    }


def gaps_in(found: Found) -> list[str]:
    """What of the sweeps is not in the table of their cells: one line each."""
    lines = []
    if found.unfinished:
        lines.append(
            f"the sweep is not finished: {len(found.unfinished)} cells have begun and have no result yet, such as "
            f"{found.unfinished[0]}"
        )
    if found.repeated:
        lines.append(f"{found.repeated} rows are there twice and counted once")
    return lines


def _column(cells: pd.DataFrame, name: str, kind: str) -> Json:
    """The values of a column, or, where that is shorter, its different values and which of them each cell has."""
    column = cells[name]
    if kind == "float64" and np.isinf(column).any():
        cell = cells["cell"][np.isinf(column)].iloc[0]
        raise UserError(f"{name} of cell {cell} is infinite; a page cannot show that")
    values = _plain(column)
    codes, different = pd.factorize(pd.Series(values, dtype=object), use_na_sentinel=False)
    if len(different) > len(values) / 2:
        return {"name": name, "kind": kind, "values": values}
    return {"name": name, "kind": kind, "values": _plain(different), "codes": codes.tolist()}


def _plans(cells: pd.DataFrame) -> Json:
    """The plans by their numbers in `points`: a cell of each, its scores, and which cells say what it costs."""
    plans = points(cells).sort_values("plan", ignore_index=True)
    measured = cells[cells["feasible"] & cells["score"].notna()]
    plan = measured[POINT].merge(plans[[*POINT, "plan"]], on=POINT, how="left")["plan"]
    found = measured.assign(plan=plan.to_numpy(), row=measured.index)
    # As `seed_scores` does: of cells that are the same training, the one of the smallest budget tells the cost.
    once = found.sort_values("budget", kind="stable").drop_duplicates(["plan", "seed", "repeat"])
    seeds = seed_scores(cells).groupby("plan")
    return {
        "cell_of": found.drop_duplicates("plan").sort_values("plan")["row"].tolist(),
        "priced_by": [group.tolist() for _, group in once.groupby("plan")["row"]],
        "plan_of": found.set_index("row")["plan"].reindex(cells.index, fill_value=-1).tolist(),
        **{
            name: _plain(plans[name])
            for name in ("score", "score_margin", "score_lowest", "score_highest")
        },
        "seeds": [group.tolist() for _, group in seeds["seed"]],
        "seed_scores": [group.tolist() for _, group in seeds["score"]],
    }


def _plain(values: Any) -> list[Any]:
    """Values as JSON has them; a gap is null."""
    return [None if pd.isna(value) else value for value in values.tolist()]
