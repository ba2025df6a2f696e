"""What money buys: the Pareto frontier, the best score for each budget, and who is ahead how surely."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raydoa.report.best_within_budget import best_within, budgets_of
from raydoa.report.log_places import LogPlaces
from raydoa.report.looks import look_of
from raydoa.report.paper.style import (
    PARETO,
    budget_axis,
    caption,
    dollar_axis,
    draw_scores,
    named_ticks,
    panels,
    panels_by_n,
    styled,
)
from raydoa.report.standings import DOMINATED, FRONTIER, NO_BETTER, standings
from raydoa.report.win_probability import chances
from raydoa.report.wording import price


def frontier_figure(cells: pd.DataFrame) -> Figure:
    """Score against standalone cost of all plans of one task, a panel for each N.

    Plans on the frontier and those tied with it are filled; hollow are dominated ones, and those that are no better than
    always giving the most frequent answer.
    """
    plans = standings(cells)
    places = LogPlaces.of(plans["cost"])

    def draw(axis: Axes, panel: pd.DataFrame) -> None:
        for (name, hollow), some in panel.groupby(
            ["strategy", panel["standing"].isin((DOMINATED, NO_BETTER))]
        ):
            look = look_of(str(name))
            draw_scores(axis, places(some["cost"]), some, look, label=name, linestyle="none", zorder=3,
                        markerfacecolor="white" if hollow else look.colour)  # fmt: skip
        best = panel[panel["standing"] == FRONTIER].sort_values("cost")
        axis.step(places(best["cost"]), 100 * best["score"], where="post", color="black", linewidth=0.8, linestyle=":",
                  label=PARETO, zorder=2)  # fmt: skip
        dollar_axis(axis, places)

    said = "hollow: dominated (P ≥ 0.95)" if cells["seed"].nunique() > 1 else ""
    return panels_by_n(cells, plans, draw, said, below="standalone cost (US dollars)", columns=4)


def budget_figure(cells: pd.DataFrame) -> Figure:
    """The best measured score for at most B dollars, a line for each strategy, a panel for each N of one task."""
    budgets = budgets_of(cells)
    places = LogPlaces.of(budgets)

    def draw(axis: Axes, panel: pd.DataFrame) -> None:
        for shift, (name, line) in enumerate(panel.groupby("strategy")):
            draw_scores(axis, places(line["budget"]) * 1.03**shift, line, look_of(str(name)), label=name,
                        drawstyle="steps-post")  # fmt: skip
        budget_axis(axis, budgets)

    said = "best measured plan for at most B"
    return panels_by_n(cells, best_within(cells), draw, said, below="budget B (US dollars)")


def chance_figure(cells: pd.DataFrame) -> Figure:
    """P(a strategy beats the baseline | B, N) of one task, a panel for each pair of them.

    A field for each budget and N; empty where it is not known of both.
    """
    table = chances(cells)
    pairs = [(str(key[0]), str(key[1]), part) for key, part in table.groupby(["first", "second"])]
    with styled():
        figure, axes = panels(len(pairs), height=0.5 + 0.32 * table["n"].nunique())
        for axis, (first, second, of_pair) in zip(axes[:, 0], pairs, strict=True):
            _draw_chances(axis, of_pair.pivot(index="n", columns="budget", values="chance"),
                          (look_of(second).colour, look_of(first).colour))  # fmt: skip
            axis.set_title(f"P({first} beats {second})")
        axes[-1, 0].set_xlabel("budget B (US dollars)")
        seeds = cells["seed"].nunique()
        paired = f"of the mean over {seeds} paired seeds, on the same test rows"
        caption(figure, cells, paired if seeds > 1 else "one seed: no probability")
    return figure


def _draw_chances(axis: Axes, table: pd.DataFrame, ends: tuple[str, str]) -> None:
    """Probabilities, N by budget, in the colours of who is behind and who is ahead."""
    colours = mpl.colors.LinearSegmentedColormap.from_list("", [ends[0], "#ffffff", ends[1]])
    axis.imshow(table.to_numpy(dtype=float), cmap=colours, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table.to_numpy(dtype=float)):
        text = "one seed" if np.isnan(value) else _percent(value)
        dark = not np.isnan(value) and value > 0.8
        axis.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
    named_ticks(axis, range(table.shape[1]), [price(float(b)) for b in table.columns])
    axis.set_yticks(range(table.shape[0]), [f"{n:,}" for n in table.index])
    axis.set_ylabel("labels owned, N")
    axis.grid(False)
    axis.spines[:].set_visible(False)


def _percent(chance: float) -> str:
    """A probability; what is not sure is never shown as if it were."""
    if 0.995 <= chance < 1:
        return ">99%"
    return "<1%" if 0 < chance < 0.005 else f"{chance:.0%}"
