"""What costs nothing: always giving the most frequent answer. A plan that is no better than that is no winner.

Its score stands in each row (`majority_score`); of rows without it, which an older raydoa wrote, nothing is known, and nothing
is held against their plans.
"""

import math

import pandas as pd

from raydoa.report.wording import points as in_points
from raydoa.tasks.task import CLOSED_METRICS

_ROUNDING = 1e-9
"""A mean of scores that are all the majority's may be off it by so much."""


def majority_of(cells: pd.DataFrame) -> "pd.Series[float]":
    """The score by task; the highest, where sweeps were scored on different test rows."""
    return cells.groupby("task")["majority_score"].max()


def is_better(score: float, majority: float | None) -> bool:
    """Whether a score is above the majority's; where that is not known, it is."""
    return majority is None or math.isnan(majority) or score > majority + _ROUNDING


def constant_in_words(majority: float, metric: str) -> str:
    """What it is, and its score: ``always answering the most frequent class (45.4 accuracy)``."""
    what = (
        "answering the most frequent class"
        if metric in CLOSED_METRICS
        else "giving the most frequent answer"
    )
    return f"always {what} ({in_points(majority)} {metric})"


def constant_of(cells: pd.DataFrame) -> str | None:
    """The same of cells of one task; None where it is not known."""
    majority = cells["majority_score"].max()
    return None if pd.isna(majority) else constant_in_words(majority, str(cells["metric"].iloc[0]))


def no_winners(cells: pd.DataFrame) -> list[str]:
    """A line for each task none of whose scores is above the majority's."""
    lines = []
    for task, panel in cells[cells["score"].notna()].groupby("task"):
        constant = constant_of(panel)
        if constant is not None and not is_better(panel["score"].max(), panel["majority_score"].max()):  # fmt: skip
            lines.append(f"{task}: no score is above that of {constant}, so nothing wins")
    return lines
