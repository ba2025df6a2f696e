"""How all figures of a paper look: a column's width, type that is legible there, and one way to tell intervals."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, NullLocator

from raydoa.report.log_places import LogPlaces
from raydoa.report.looks import Look
from raydoa.report.wording import SCORE_AXIS, price

COLUMN_INCHES = 3.3
_LETTERS = 78
"""Of a caption, that are a column wide."""
GREY, LIGHT = "#555555", "#dddddd"
PARETO = "Pareto frontier"


_STYLE: dict[Any, Any] = {
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.columnspacing": 1.0,
    "legend.handletextpad": 0.4,
    "legend.borderaxespad": 0.2,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "errorbar.capsize": 1.8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": LIGHT,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,
}


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib with the style of the paper's figures: to make one in, and to save it in."""
    with mpl.rc_context(_STYLE):
        yield


def panels(
    rows: int, height: float = 1.9, columns: int = 1, extra: float = 0.5
) -> tuple[Figure, np.ndarray]:
    """A figure of a column's width and its axes, (rows, columns); ``height`` inches for each row."""
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03)
    figure = Figure(figsize=(COLUMN_INCHES, height * rows + extra), layout=layout)
    return figure, figure.subplots(rows, columns, squeeze=False)


def panels_by_n(
    cells: pd.DataFrame, table: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame], None], *said: str,
    below: str, height: float = 1.9, columns: int = 3,
) -> Figure:  # fmt: skip
    """A figure of the scores in a table of one task's cells, a panel of ``height`` inches for each N.

    ``draw`` draws the rows of one; ``said`` stands above, ``below`` at the axis below, a legend of so many columns last.
    """
    counts = sorted(table["n"].unique())
    with styled():
        figure, axes = panels(len(counts), height)
        for axis, n in zip(axes[:, 0], counts, strict=True):
            draw(axis, table[table["n"] == n])
            axis.set_ylabel(SCORE_AXIS)
            axis.set_title(f"N = {n:,} labels owned")
        axes[-1, 0].set_xlabel(below)
        legend_below(figure, axes[:, 0], columns)
        seeds = cells["seed"].nunique()
        bars = f"bars: 95% interval over {seeds} seeds" if seeds > 1 else "one seed: no intervals"
        caption(figure, cells, *said, bars)
    return figure


def dollar_axis(axis: Axes, places: LogPlaces) -> None:
    """A logarithmic axis of dollars below, with ticks that a reader can name."""
    axis.set_xscale("log")
    axis.set_xlim(places.left / 1.35, places.high * 1.35)
    narrow = places.high < 30 * places.low
    places.mark(axis.xaxis, price, (1.0, 2.0, 5.0) if narrow else (1.0,), most=8)
    axis.xaxis.set_minor_locator(NullLocator())


def budget_axis(axis: Axes, budgets: Sequence[float]) -> None:
    """A logarithmic axis of budgets below, with a tick at each if they are few."""
    places = LogPlaces.of(budgets)
    dollar_axis(axis, places)
    if len(budgets) <= 6:
        named_ticks(axis, places(budgets).tolist(), [price(budget) for budget in budgets])


def dollar_ticks(side: Axis) -> None:
    """Dollars beside the major ticks, and no minor ones."""
    side.set_minor_locator(NullLocator())
    side.set_major_formatter(FuncFormatter(lambda value, _: price(value)))


def named_ticks(axis: Axes, values: Sequence[float], texts: Sequence[str]) -> None:
    """Ticks below at these values alone."""
    axis.set_xticks(list(values), list(texts))
    axis.xaxis.set_minor_locator(NullLocator())


def draw_scores(
    axis: Axes, x: pd.Series | np.ndarray, table: pd.DataFrame, look: Look, **more: Any
) -> None:
    """Scores in points of 100 with their intervals, if there are several seeds, at ``x``."""
    halves = 100 * table["score_margin"].to_numpy(dtype=float)
    bars = None if np.isnan(halves).all() else np.nan_to_num(halves)
    drawn = {"color": look.colour, "marker": look.marker, "linestyle": look.line, **more}
    axis.errorbar(x, 100 * table["score"], yerr=bars, elinewidth=0.7, **drawn)


def legend_below(figure: Figure, axes: Iterable[Axes], columns: int = 3, **look: Any) -> None:
    """One legend for all panels, below them; the frontier comes last."""
    handles: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(str(label), handle)
    if handles:
        names = sorted(handles, key=lambda name: name == PARETO)
        figure.legend(
            [handles[name] for name in names], names, loc="outside lower center",
            ncols=min(len(names), columns), **look,
        )  # fmt: skip


def caption(figure: Figure, cells: pd.DataFrame, *parts: str) -> None:
    """Small letters above the panels: the parts, and whether prices are scaled."""
    scaled = ["prices are scaled"] if cells["prices_scaled"].notna().any() else []
    text = "; ".join([*(part for part in parts if part), *scaled])
    figure.suptitle("\n".join(textwrap.wrap(text, _LETTERS)), fontsize=6, color=GREY)


def save(figure: Figure, path: Path) -> list[Path]:
    """Write the figure as PDF and as PNG (300 dots per inch); ``path`` has no suffix."""
    with styled():
        written = [path.with_name(f"{path.name}.{kind}") for kind in ("pdf", "png")]
        # No dates: the same cells give the same bytes.
        figure.savefig(written[0], metadata={"CreationDate": None})
        figure.savefig(written[1], dpi=300)
    return written
