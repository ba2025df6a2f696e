"""One choice at a time: the share of money for computing, the teacher's size, and U."""

import pandas as pd
from matplotlib.figure import Figure

from raydoa.report.best_within_budget import budgets_of
from raydoa.report.comparisons import computing_shares, pool_sizes, teachers
from raydoa.report.figures import dollar_text
from raydoa.report.looks import series_look
from raydoa.report.paper.style import (
    SCORE,
    caption,
    dollar_axis,
    legend_below,
    margins,
    named_ticks,
    panels,
    say,
    styled,
)
from raydoa.strategies.strategy import short_name


def share_figure(cells: pd.DataFrame) -> Figure:
    """The share of money for computing in the best plan against B, a line for each N of one task.

    Bars reach over all plans that seeds cannot tell from the best.
    """
    table, budgets = computing_shares(cells), budgets_of(cells)
    counts = sorted(table["n"].unique())
    names = [f"N = {n:,}" for n in counts]
    with styled():
        figure, axes = panels(1, height=2.0)
        axis = axes[0, 0]
        for shift, (n, name) in enumerate(zip(counts, names, strict=True)):
            line, look = table[table["n"] == n], series_look(shift)
            reach = [
                100 * (line["share"] - line["share_low"]),
                100 * (line["share_high"] - line["share"]),
            ]
            axis.errorbar(
                line["budget"] * 1.04**shift, 100 * line["share"], yerr=reach, label=name, color=look.colour,
                marker=look.marker, linestyle=look.line, elinewidth=0.7, drawstyle="steps-post",
            )  # fmt: skip
        dollar_axis(axis, budgets[0], budgets[-1], "budget B (US dollars)")
        if len(budgets) <= 6:
            named_ticks(axis, budgets, [dollar_text(b) for b in budgets])
        axis.set_ylim(-5, 105)
        axis.set_ylabel("spent on computing (%)")
        legend_below(figure, [axis])
        seeds = cells["seed"].nunique()
        bars = "bars: plans tied with the best (P < 0.95)" if seeds > 1 else "one seed: no ties"
        caption(figure, cells, "best measured plan for at most B", bars)
    return figure


def teacher_figure(cells: pd.DataFrame) -> Figure:
    """The student's score by teacher, cheapest first, a line for each U, a panel for each N of one task."""
    table = teachers(cells)
    order = table.groupby("teacher")["cost"].min().sort_values().index.tolist()
    return _lines(cells, table.assign(at=table["teacher"].map(order.index)), "at", "u", "U = {:,.0f}", "teacher",
                  [short_name(name) for name in order])  # fmt: skip


def pool_figure(cells: pd.DataFrame) -> Figure:
    """The student's score by U, a line for each teacher, a panel for each N of one task."""
    table = pool_sizes(cells)
    sizes = sorted(table["u"].unique())
    named = table.assign(at=table["u"].map(sizes.index), teacher=table["teacher"].map(short_name))
    return _lines(
        cells, named, "at", "teacher", "{}", "pseudo-labelled rows, U", [f"{u:,.0f}" for u in sizes]
    )


def _lines(
    cells: pd.DataFrame, table: pd.DataFrame, along: str, line: str, label: str, below: str, ticks: list[str]
) -> Figure:  # fmt: skip
    counts = sorted(table["n"].unique())
    keys = sorted(table[line].unique())
    names = [label.format(key) for key in keys]
    with styled():
        figure, axes = panels(len(counts), height=1.7)
        for axis, n in zip(axes[:, 0], counts, strict=True):
            for shift, (key, name) in enumerate(zip(keys, names, strict=True)):
                some = table[(table["n"] == n) & (table[line] == key)].sort_values(along)
                look = series_look(shift)
                axis.errorbar(
                    some[along] + 0.05 * (shift - (len(keys) - 1) / 2), 100 * some["score"], yerr=margins(some),
                    label=name, color=look.colour, marker=look.marker, linestyle=look.line, elinewidth=0.7,
                )  # fmt: skip
            named_ticks(axis, range(len(ticks)), ticks)
            axis.set_xlim(-0.4, len(ticks) - 0.6)
            axis.set_ylabel(SCORE)
            axis.set_title(f"N = {n:,} labels owned")
        axes[-1, 0].set_xlabel(below)
        legend_below(figure, axes[:, 0])
        say(figure, cells)
    return figure
