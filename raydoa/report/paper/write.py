"""All figures of a report into one folder."""

import logging
import re
from collections.abc import Callable, Mapping, Sized
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from raydoa.errors import UserError
from raydoa.report.comparisons import pool_sizes, teachers
from raydoa.report.paper.choices import pool_figure, share_figure, teacher_figure
from raydoa.report.paper.frontier import budget_figure, chance_figure, frontier_figure
from raydoa.report.paper.money import audit_figure, price_figure, sharing_figure
from raydoa.report.paper.style import save
from raydoa.report.pareto import measured
from raydoa.report.win_probability import against_baseline

logger = logging.getLogger(__name__)

Draw = Callable[[pd.DataFrame], Figure]

OF_A_TASK: Mapping[str, Draw] = {
    "frontier": frontier_figure,
    "budgets": budget_figure,
    "chance": chance_figure,
    "compute_share": share_figure,
    "teachers": teacher_figure,
    "pools": pool_figure,
}
_NEEDED: Mapping[str, Callable[[pd.DataFrame], Sized]] = {
    "chance": against_baseline,
    "teachers": teachers,
    "pools": pool_sizes,
}
"""What of the measured cells a figure is drawn from, where not all will do."""

OF_ALL: Mapping[str, Draw] = {"sharing": sharing_figure, "audit": audit_figure}


def write_figures(cells: pd.DataFrame, folder: Path) -> list[Path]:
    """Write every figure that the cells have something for, as PDF and PNG; returns the paths.

    Names are ``frontier-TASK``, ``prices-TASK-N100`` and so on. What a sweep has nothing for (teachers, say, where
    nothing was distilled) is not drawn, and a warning says so.

    Raises:
        UserError: no cell has a score.
    """
    if measured(cells).empty:
        raise UserError(
            f"none of {len(cells)} cells has a score, so there is nothing to draw; `raydoa report` without --figures "
            "says why"
        )
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for task, some in cells.groupby("task", sort=True):
        for name, draw in OF_A_TASK.items():
            paths += _drawn(draw, name, some, folder / f"{name}-{_safe(str(task))}")
        for n, panel in some.groupby("n", sort=True):
            paths += _drawn(
                price_figure, "prices", panel, folder / f"prices-{_safe(str(task))}-N{n}"
            )
    for name, draw in OF_ALL.items():
        paths += _drawn(draw, name, cells, folder / name)
    return paths


def _drawn(draw: Draw, name: str, cells: pd.DataFrame, path: Path) -> list[Path]:
    scored = measured(cells)
    if scored.empty or not len(_NEEDED.get(name, measured)(scored)):
        logger.warning("%s: not drawn, these cells have nothing for it", path.name)
        return []
    if name in OF_ALL and cells["cost_incurred"].isna().all():
        logger.warning("%s: not drawn, what was incurred is not known at other prices", path.name)
        return []
    return save(draw(cells), path)


def _safe(name: str) -> str:
    """A task's name as a part of a file's."""
    return re.sub(r"[^\w.-]+", "_", name)
