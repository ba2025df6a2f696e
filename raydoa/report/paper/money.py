"""Prices and ledgers: who wins at which prices, what sharing saved, and what was measured against what was planned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

from raydoa.report.best_within_budget import budgets_of
from raydoa.report.cost_audit import audit, sharing
from raydoa.report.cost_items import reported_item
from raydoa.report.log_places import LogPlaces
from raydoa.report.looks import SHADES, look_of
from raydoa.report.paper.style import GREY, caption, dollar_ticks, panels, styled
from raydoa.report.price_map import NEITHER, Floats, price_map
from raydoa.report.unit_prices import gpu_hour_usd, label_usd
from raydoa.report.wording import price
from raydoa.strategies.strategy import short_name

_FREE_STEPS = 10
"""Of a map's 121, that are drawn at a price of 0 where it is today's."""


def price_figure(cells: pd.DataFrame) -> Figure:
    """Who is best at which label and GPU price: of one task and one N, a panel for each budget."""
    budgets, [n] = budgets_of(cells), cells["n"].unique()
    now = (label_usd(cells), gpu_hour_usd(cells))
    labels, gpus = (
        _PriceAxis.around(usd, usual) for usd, usual in zip(now, (0.25, 3.0), strict=True)
    )
    names = [NEITHER, *sorted(cells["strategy"].unique())]
    rows = -(-len(budgets) // 2)
    with styled():
        figure, axes = panels(rows, height=1.45, columns=2)
        for axis, budget in zip(axes.flat, budgets, strict=False):
            best = price_map(cells, budget, labels.prices, gpus.prices)
            _draw_map(axis, np.vectorize(names.index)(best), labels, gpus, names)
            if now[0] is not None and now[1] is not None:
                here = labels.places(now[0]), gpus.places(now[1])
                axis.plot(*here, marker="x", color="black", markersize=4, markeredgewidth=1)
            axis.set_title(f"B = {price(budget)}")
        for axis in list(axes.flat)[len(budgets) :]:
            axis.set_visible(False)
        for axis in axes[:, 0]:
            axis.set_ylabel("GPU-hour (US dollars)")
        for axis in list(axes.flat)[max(0, len(budgets) - 2) : len(budgets)]:
            axis.set_xlabel("label (US dollars)")
        shown = [
            Patch(facecolor=_colour(name), edgecolor=GREY, linewidth=0.5,
                  label="none measured" if name == NEITHER else name)
            for name in names
        ]  # fmt: skip
        figure.legend(handles=shown, loc="outside lower center", ncols=len(shown), handlelength=1)
        said = "best measured plan for at most B; ×: prices of the sweep"
        caption(figure, cells, f"N = {n:,}", said)
    return figure


def _colour(name: str) -> str:
    return "#ffffff" if name == NEITHER else look_of(name).colour


@dataclass(frozen=True)
class _PriceAxis:
    """Prices of a map, and where they are drawn."""

    prices: Floats
    at: Floats
    places: LogPlaces

    @classmethod
    def around(cls, now: float | None, usual: float) -> "_PriceAxis":
        """A hundredfold range around a price, 121 steps; around 0 that of the usual price, and 0 on its left."""
        at = (now or usual) * np.geomspace(0.01, 100, 121)
        free = _FREE_STEPS if now == 0 else 0
        prices = np.concatenate([np.zeros(free), at[free:]])
        zero = float(at[free // 2]) if free else None
        return cls(prices, at, LogPlaces(float(at[free]), float(at[-1]), zero))


def _draw_map(
    axis: Axes, best: np.ndarray, labels: _PriceAxis, gpus: _PriceAxis, names: Sequence[str]
) -> None:
    colours = ListedColormap([_colour(name) for name in names])
    axis.pcolormesh(labels.at, gpus.at, best, cmap=colours, vmin=-0.5, vmax=len(names) - 0.5, shading="nearest",
                    rasterized=True)  # fmt: skip
    axis.set_xscale("log")
    axis.set_yscale("log")
    for side, prices in ((axis.xaxis, labels), (axis.yaxis, gpus)):
        prices.places.mark(side, price, base=100)
        side.set_minor_locator(NullLocator())
    axis.grid(False)


def sharing_figure(cells: pd.DataFrame) -> Figure:
    """Standalone and incurred dollars of each strategy, over all tasks."""
    table = sharing(cells, ["strategy"]).iloc[::-1]
    with styled():
        figure, axes = panels(1, height=0.5 + 0.3 * len(table), extra=0.4)
        axis = axes[0, 0]
        at = np.arange(len(table))
        axis.barh(
            at + 0.2,
            table["standalone"].where(table["standalone"] > 0),
            height=0.36,
            color=SHADES[4],
            label="standalone",
        )
        # Nothing is incurred by cells whose stages were all in the store or are free, and a bar of that has no length.
        paid = table["incurred"].where(table["incurred"] > 0)
        axis.barh(at - 0.2, paid, height=0.36, color=SHADES[0], label="incurred")
        axis.set_yticks(at, table["strategy"])
        axis.set_ylim(-0.6, len(table) - 0.4)
        axis.set_xscale("log")
        places = LogPlaces.of(table["standalone"])
        if places.zero is not None:
            axis.set_xlim(left=places.zero)
        axis.set_xlim(right=places.high * 5)
        for y, row in zip(at, table.to_dict("records"), strict=True):
            text = f"{row['ratio']:.1f}×" if row["incurred"] > 0 else "nothing incurred"
            axis.text(float(places(row["standalone"])) * 1.15, y, text, va="center", fontsize=7)
        dollar_ticks(axis.xaxis)
        axis.set_xlabel("all cells (US dollars)")
        axis.grid(False, axis="y")
        figure.legend(loc="outside lower center", ncols=2)
        caption(figure, cells, "×: standalone over incurred; sums, so there is no interval")
    return figure


def audit_figure(cells: pd.DataFrame) -> Figure:
    """Measured over planned GPU-seconds, for each cost item and model."""
    table = audit(cells).iloc[::-1]
    with styled():
        figure, axes = panels(1, height=0.5 + 0.3 * len(table), extra=0.3)
        axis = axes[0, 0]
        at = np.arange(len(table))
        reach = [table["ratio"] - table["ratio_low"], table["ratio_high"] - table["ratio"]]
        axis.errorbar(
            table["ratio"], at, xerr=np.clip(reach, 0, None), linestyle="none", marker="s", color=SHADES[0],
            elinewidth=0.7,
        )  # fmt: skip
        axis.axvline(1, color="black", linewidth=0.8, linestyle=":")
        works = table["item"].map(lambda item: reported_item(item).title)
        models = table["model"].map(lambda model: f",\n{short_name(model)}", na_action="ignore")
        labels = works + models.fillna("") + " (" + table["basis"].fillna("-") + ")"
        axis.set_yticks(at, labels)
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xlabel("measured / planned GPU-seconds")
        bars = "bars: the middle 80% of single ones"
        caption(figure, cells, "marks: of all seconds", bars, "in brackets: the plan's basis")
    return figure
