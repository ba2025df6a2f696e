"""Why a table has a score of 0.000 everywhere, as far as its rows show it."""

from collections.abc import Iterator

import pandas as pd

from raydoa.experiment.result_row import quantity_column
from raydoa.report.wording import points

_MANY = 0.5
_FEW_STEPS = 100
"""A model that begins without the task's words has hardly seen them after so few batches."""


def zero_notes(cells: pd.DataFrame) -> list[str]:
    """A line for each task all of whose scores are 0."""
    lines = []
    for task, panel in cells[cells["score"].notna()].groupby("task"):
        if panel["score"].max() == 0:
            why = list(_reasons(panel)) or [
                "the rows do not show why; `raydoa check` tells whether targets are cut, and the page shows what was written"
            ]
            metric = panel["metric"].iloc[0]
            lines.append(f"{task}: every score is 0.000 {metric}: {'; '.join(why)}")
    return lines


def _reasons(panel: pd.DataFrame) -> Iterator[str]:
    unparsable, refused = panel["unparsable"].mean(), panel["llm_refused"].max()
    if unparsable >= _MANY:
        yield f"{unparsable:.0%} of what students wrote is none of the task's classes"
    if refused >= _MANY:
        yield f"an LLM did not answer {refused:.0%} of the rows that it was to label"
    if panel["llm_score"].max() == 0:
        yield "an LLM that labelled scores 0.000 as well"
    if panel["teacher_score"].max() == 0:
        yield "teachers score 0.000 as well"
    if panel["score_paper"].max() > 0:
        yield (
            f"the paper's lenient form of the metric comes to {points(panel['score_paper'].max())} at most, so something is "
            "written that the strict form does not count"
        )
    steps = panel[quantity_column("student")].max()
    if 0 < steps < _FEW_STEPS:
        yield f"students were trained for {steps:,} steps at most"
