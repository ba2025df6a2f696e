"""Several sweeps as one table: what is there twice counts once, and what does not belong together is refused."""

from collections.abc import Sequence

import pandas as pd

from raydoa.errors import UserError
from raydoa.report.columns import ORDER, typed

# What makes a measurement of a plan: the same of all of it has the same score, wherever it was measured.
_TRAINING = [
    "task", "n", "strategy", "teacher", "student", "u", "labels", "teacher_steps", "pseudo_labels",
    "student_steps", "seed", "repeat",
]  # fmt: skip
_ROW = ["cell", "prices", "accelerator", "region", "feasible", *_TRAINING]


def joined(sweeps: Sequence[tuple[str, pd.DataFrame]]) -> tuple[pd.DataFrame, int]:
    """The cells of all sweeps, given with their names, and how many rows were there twice.

    Raises:
        UserError: the same plan and seed was measured with another recipe, other data or other code, or scored
            with another metric: means over both would be of nothing.
    """
    if len(sweeps) == 1:
        return sweeps[0][1], 0
    parts = [cells.assign(_sweep=name) for name, cells in sweeps]
    cells = pd.concat(parts, ignore_index=True)
    _refuse_other_metrics(cells)
    _refuse_other_ways(cells)
    once = cells.drop_duplicates(_ROW)
    repeated = len(cells) - len(once)
    return typed(once.drop(columns="_sweep").sort_values(ORDER, ignore_index=True)), repeated


def _refuse_other_metrics(cells: pd.DataFrame) -> None:
    for task, group in cells.groupby("task"):
        if group["metric"].nunique() > 1:
            first = group.drop_duplicates("metric")
            told = " and ".join(
                f"{m} in {s}" for m, s in zip(first["metric"], first["_sweep"], strict=True)
            )
            raise UserError(f"task {task}: scored by {told}; load them one at a time")


def _refuse_other_ways(cells: pd.DataFrame) -> None:
    measured = cells[cells["feasible"] & cells["key_evaluation"].notna()]
    ways = measured.drop_duplicates([*_TRAINING, "key_evaluation"])
    other = ways[ways.duplicated(_TRAINING, keep=False)]
    if other.empty:
        return
    first = other.sort_values(_TRAINING).iloc[:2]
    where = " and ".join(dict.fromkeys(first["_sweep"]))
    raise UserError(
        f"{first['cell'].iloc[0]}: measured in two ways in {where}: another recipe, other data, another precision or "
        "another version of the code; load them one at a time"
    )
