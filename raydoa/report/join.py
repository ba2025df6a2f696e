"""Several sweeps as one table: what is there twice counts once, and what does not belong together is refused."""

from collections.abc import Sequence

import pandas as pd

from raydoa.errors import UserError
from raydoa.report.columns import concatenated, plan_key, sorted_cells


def joined(sweeps: Sequence[tuple[str, pd.DataFrame]]) -> tuple[pd.DataFrame, int]:
    """The cells of all sweeps, given with their names, and how many rows were there twice.

    Raises:
        UserError: the same plan and seed was measured with another recipe, other data or other code, or scored
            with another metric: means over both would be of nothing.
    """
    if len(sweeps) == 1:
        return sweeps[0][1], 0
    cells = concatenated([cells for _, cells in sweeps])
    origin = pd.Series([name for name, cells in sweeps for _ in range(len(cells))])
    _refuse_other_metrics(cells, origin)
    _refuse_other_ways(cells, origin)
    row = ["cell", "prices", "accelerator", "region", "feasible", *_training(cells)]
    once = cells.drop_duplicates(row)
    return sorted_cells(once), len(cells) - len(once)


def _training(cells: pd.DataFrame) -> list[str]:
    """What makes a measurement of a plan: the same of all of it has the same score, wherever it was measured."""
    return [*plan_key(cells), "seed", "repeat"]


def _refuse_other_metrics(cells: pd.DataFrame, origin: "pd.Series[str]") -> None:
    for task, group in cells.groupby("task"):
        metrics = group["metric"].drop_duplicates()
        if len(metrics) > 1:
            pairs = zip(metrics, origin[metrics.index], strict=True)
            scored = " and ".join(f"{metric} in {sweep}" for metric, sweep in pairs)
            raise UserError(f"task {task}: scored by {scored}; load them one at a time")


def _refuse_other_ways(cells: pd.DataFrame, origin: "pd.Series[str]") -> None:
    training = _training(cells)
    measured = cells[cells["feasible"] & cells["key_evaluation"].notna()]
    ways = measured.drop_duplicates([*training, "key_evaluation"])
    other = ways[ways.duplicated(training, keep=False)]
    if other.empty:
        return
    first = other.sort_values(training).iloc[:2]
    where = " and ".join(dict.fromkeys(origin[first.index]))
    raise UserError(
        f"{first['cell'].iloc[0]}: measured in two ways in {where}: another recipe, other data, another precision or "
        "another version of the code; load them one at a time"
    )
