"""One choice at a time: the share of money for computing, the teacher's size, and U."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raydoa.report.best_within_budget import budgets_of
from raydoa.report.comparisons import computing_shares, pool_sizes, teachers
from raydoa.report.log_places import LogPlaces
from raydoa.report.looks import series_look
from raydoa.report.paper.style import (
    budget_axis,
    caption,
    draw_scores,
    legend_below,
    named_ticks,
    panels,
    panels_by_n,
    styled,
)
from raydoa.strategies.strategy import short_name


def share_figure(cells: pd.DataFrame) -> Figure:
    """The share of money for computing in the best plan against B, a line for each N of one task.

    Bars reach over all plans that seeds cannot tell from the best.
    """
    table, budgets = computing_shares(cells), budgets_of(cells)
    places = LogPlaces.of(budgets)
    with styled():
        figure, axes = panels(1, height=2.0)
        axis = axes[0, 0]
        for shift, (n, line) in enumerate(table.groupby("n")):
            look, share = series_look(shift), 100 * line["share"]
            reach = [share - 100 * line["share_low"], 100 * line["share_high"] - share]
            axis.errorbar(
                places(line["budget"]) * 1.04**shift, share, yerr=reach, label=f"N = {n:,}", color=look.colour,
                marker=look.marker, linestyle=look.line, elinewidth=0.7, drawstyle="steps-post",
            )  # fmt: skip
        budget_axis(axis, budgets)
        axis.set_xlabel("budget B (US dollars)")
        axis.set_ylim(-5, 105)
        axis.set_ylabel("share of the cost for computing (%)")
        legend_below(figure, [axis])
        seeds = cells["seed"].nunique()
        bars = "bars: plans tied with the best (P < 0.95)" if seeds > 1 else "one seed: no ties"
        caption(figure, cells, "best measured plan for at most B", bars)
    return figure


def teacher_figure(cells: pd.DataFrame) -> Figure:
    """The student's score by teacher, cheapest first, a line for each U, a panel for each N of one task."""
    table = teachers(cells)
    order = table.groupby("teacher")["cost"].min().sort_values().index.tolist()
    table["line"] = table["u"].map("U = {:,.0f}".format)
    return _lines(cells, table, "teacher", order, [short_name(name) for name in order], "teacher")


def pool_figure(cells: pd.DataFrame) -> Figure:
    """The student's score by U, a line for each teacher, a panel for each N of one task."""
    table = pool_sizes(cells)
    table["line"] = table["teacher"].map(short_name)
    sizes = sorted(table["u"].unique())
    return _lines(cells, table, "u", sizes, [f"{u:,.0f}" for u in sizes], "pseudo-labelled rows, U")


def _lines(
    cells: pd.DataFrame, table: pd.DataFrame, along: str, order: list[Any], ticks: list[str], below: str
) -> Figure:  # fmt: skip
    """A line for each value of ``line``, along values in an order."""
    names = list(dict.fromkeys(table["line"]))

    def draw(axis: Axes, panel: pd.DataFrame) -> None:
        for name, some in panel.groupby("line"):
            shift = names.index(name)
            at = some[along].map(order.index).sort_values() + 0.05 * (shift - (len(names) - 1) / 2)
            draw_scores(axis, at, some.loc[at.index], series_look(shift), label=name)
        named_ticks(axis, range(len(ticks)), ticks)
        axis.set_xlim(-0.4, len(ticks) - 0.6)

    return panels_by_n(cells, table, draw, below=below, height=1.7)
