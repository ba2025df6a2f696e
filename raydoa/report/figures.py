"""The figure of a sweep: score against standalone cost, a curve per strategy, the Pareto frontier marked.

A row of panels per task (scores of two tasks do not compare), a column per N. Infeasible cells have no place on a cost
axis, and those that await labels none on that of scores; each panel says how many there are.
"""

import io
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raydoa.report.log_places import LogPlaces
from raydoa.report.looks import Curve, curve_keys, curves_of
from raydoa.report.paper.style import PARETO, legend_below
from raydoa.report.pareto import awaits_labels, frontier, points
from raydoa.report.wording import price
from raydoa.store.local_storage import LocalStorage


@dataclass(frozen=True)
class Burden:
    """What the score is drawn against.

    Attributes:
        column: of the cells.
        label: of the axis.
        tick: a number on the axis.
        file_name: of the figure, without its suffix.
    """

    column: str
    label: str
    tick: Callable[[float], str]
    file_name: str


DOLLARS = Burden("cost_total", "standalone cost (US dollars)", price, "score_against_cost")
KGCO2E = Burden("kgco2e", "kgCO2e of all computing", "{:,.3g}".format, "score_against_kgco2e")


def cost_figure(cells: pd.DataFrame, burden: Burden = DOLLARS, *, joined: bool = True) -> Figure:
    """The figure of ``cells`` (rows of `raydoa.report.results.load`).

    ``joined``: whether the plans of a strategy are a curve, as in a grid; those of a search lie anywhere.
    """
    plans = points(cells, burden.column)
    curves = curves_of(plans)
    tasks, counts = sorted(cells["task"].unique()), sorted(cells["n"].unique())
    size = (max(5.5, 4.4 * len(counts)), 3.6 * len(tasks) + 1.0)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(tasks), len(counts), squeeze=False, sharey="row")
    for row, task in enumerate(tasks):
        for column, n in enumerate(counts):
            axis = axes[row][column]
            panel = plans[(plans["task"] == task) & (plans["n"] == n)]
            _draw_panel(axis, panel, curves, burden, joined=joined)
            axis.set_title(f"{task}, N = {n:,} labels owned", fontsize=10)
            _note_missing(axis, cells[(cells["task"] == task) & (cells["n"] == n)])
        axes[row][0].set_ylabel("score")
        if plans[plans["task"] == task].empty:
            axes[row][0].set_yticks([])
    legend_below(figure, axes.flat, 3 * len(counts), fontsize=8, frameon=False)
    # Some 15 letters of this size to the inch.
    width = int(15 * figure.get_size_inches()[0])
    lines = [line for caption in _captions(cells) for line in textwrap.wrap(caption, width)]
    figure.suptitle("\n".join(lines), fontsize=8, color="#555555")
    return figure


def write_figure(
    cells: pd.DataFrame, result_dir: Path, burden: Burden = DOLLARS, *, joined: bool = True
) -> Path:
    """Write the figure, `score_against_cost` or its like, as PNG and PDF, and return the PNG's path."""
    figure = cost_figure(cells, burden, joined=joined)
    folder, dots_per_inch = LocalStorage(result_dir), {"png": 160}
    for kind in ("pdf", "png"):
        drawn = io.BytesIO()
        with mpl.rc_context({"pdf.fonttype": 42}):
            figure.savefig(drawn, format=kind, dpi=dots_per_inch.get(kind, "figure"))
        folder.write(f"{burden.file_name}.{kind}", drawn.getvalue())
    return result_dir / f"{burden.file_name}.png"


def _draw_panel(
    axis: Axes, panel: pd.DataFrame, curves: Mapping[tuple[str, str], Curve], burden: Burden, *, joined: bool
) -> None:  # fmt: skip
    axis.set_xlabel(burden.label)
    if panel.empty:
        axis.set_xticks([])
        return
    keys = curve_keys(panel)
    places = LogPlaces.of(panel["cost"])
    for key, curve in curves.items():
        plans = panel[[of_plan == key for of_plan in keys]].sort_values("cost")
        if plans.empty:
            continue
        low, high = plans["score"] - plans["score_lowest"], plans["score_highest"] - plans["score"]
        several = bool((plans["seeds"] > 1).any())
        axis.errorbar(
            places(plans["cost"]), plans["score"], yerr=[low, high] if several else None, label=curve.label,
            color=curve.colour, marker=curve.marker, markersize=5, linewidth=1.4, elinewidth=1.0, capsize=2.5,
            linestyle="-" if joined else "none",
        )  # fmt: skip
    best = panel[frontier(panel)].sort_values("cost")
    axis.step(
        places(best["cost"]), best["score"], where="post", color="black", linewidth=0.8, linestyle=":", zorder=1
    )  # fmt: skip
    axis.scatter(
        places(best["cost"]), best["score"], s=90, facecolors="none", edgecolors="black", linewidths=0.9,
        label=PARETO, zorder=3,
    )  # fmt: skip
    axis.set_xscale("log")
    narrow = places.high < 10 * places.low
    places.mark(axis.xaxis, burden.tick, (1.0, 2.0, 5.0) if narrow else (1.0,))
    axis.margins(x=0.08, y=0.08)
    axis.grid(True, which="major", linewidth=0.4, color="#dddddd")
    axis.set_axisbelow(True)


def _note_missing(axis: Axes, cells: pd.DataFrame) -> None:
    awaits = awaits_labels(cells)
    missing = {
        "are infeasible": ~cells["feasible"],
        "await labels": awaits,
        "have no score": cells["feasible"] & ~awaits & cells["score"].isna(),
    }
    counts = {what: int(which.sum()) for what, which in missing.items()}
    lines = [f"{count} of {len(cells)} cells {what}" for what, count in counts.items() if count]
    drawn = sum(counts.values()) < len(cells)
    axis.text(
        *((0.99, 0.01) if drawn else (0.5, 0.5)), "\n".join(lines), transform=axis.transAxes, fontsize=7,
        color="#555555", ha="right" if drawn else "center", va="bottom" if drawn else "center",
    )  # fmt: skip


def _captions(cells: pd.DataFrame) -> list[str]:
    seeds = cells["seed"].nunique()
    lines = [
        f"means of {seeds} seeds; bars reach from the lowest to the highest"
        if seeds > 1
        else "one seed: there are no bars"
    ]
    lines += [f"prices are scaled: {note}" for note in cells["prices_scaled"].dropna().unique()]
    return lines
