"""What the page knows: the cells, column by column, the plans that they measured, and all words about them.

Which cells are one plan, what its seeds scored and how it is called do not depend on prices, so that comes from here;
what a plan costs, and all that follows, the page works out anew at each step of a slider.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from raydoa.errors import UserError
from raydoa.report.columns import types_of
from raydoa.report.cost_items import ReportedItem, reported_items
from raydoa.report.looks import Curve, curve_keys, curves_of
from raydoa.report.overview import notes
from raydoa.report.page.looks import marker_path
from raydoa.report.pareto import point_columns, points, seed_scores
from raydoa.report.reprice import emptied_columns
from raydoa.report.results import Loaded
from raydoa.report.sentence import points_of_100, reached
from raydoa.report.strategies import strategy_of
from raydoa.report.unit_prices import GPU_HOUR, LABEL, Price, prices_now, prices_of

Json = dict[str, Any]

_USUAL_USD = {LABEL: 0.2, GPU_HOUR: 3.0}
"""Where a slider starts if the sweep has no single price."""


def page_data(cells: pd.DataFrame, budgets: Sequence[float], gaps: Sequence[str] = ()) -> Json:
    """Everything that is in the page, as plain values.

    Args:
        cells: rows of `raydoa.report.results.load`, repriced or not.
        budgets: dollars, smallest first, that are offered to look at.
        gaps: what its reader must know before all else, as `gaps_in` tells.

    Raises:
        UserError: a number is infinite, which no chart can show.
    """
    prices, curves = prices_of(cells), curves_of(cells)
    keys = list(curves)
    return {
        "columns": [_column(cells, name, kind) for name, kind in types_of(cells).items()],
        "emptied": emptied_columns(cells),
        "items": [_item(cells, prices[item.priced_by], item) for item in reported_items(cells)],
        "prices": [_price(price) for price in prices.values()],
        "unit_prices": [one for price in prices.values() for one in _unit_prices(cells, price)],
        "curves": [_curve(curve) for curve in curves.values()],
        "curve_of": [keys.index(key) for key in curve_keys(cells)],
        "plans": _plans(cells),
        "budgets": list(budgets),
        "notes": [*gaps, *notes(cells)],
    }


def gaps_in(loaded: Loaded) -> list[str]:
    """What of the sweeps is not in the table of their cells: one line each."""
    lines = []
    if loaded.unfinished:
        lines.append(
            f"the sweep is not finished: {len(loaded.unfinished)} trials have begun and have no result yet, such as "
            f"{loaded.unfinished[0]}"
        )
    if loaded.repeated:
        lines.append(f"{loaded.repeated} rows are there twice and counted once")
    return lines


def _column(cells: pd.DataFrame, name: str, kind: str) -> Json:
    column = cells[name]
    if kind == "float64" and np.isinf(column).any():
        cell = cells["cell"][np.isinf(column)].iloc[0]
        raise UserError(f"{name} of cell {cell} is infinite; a page cannot show that")
    return {"name": name, "kind": kind, **_coded(column)}


def _coded(column: Any) -> Json:
    """The values of a column, or, where that is shorter, its different values and which of them each cell has."""
    values = _plain(column)
    codes, different = pd.factorize(pd.Series(values, dtype=object), use_na_sentinel=False)
    if len(different) > len(values) / 2:
        return {"values": values}
    return {"values": _plain(different), "codes": codes.tolist()}


def _item(cells: pd.DataFrame, price: Price, item: ReportedItem) -> Json:
    """A cost item; ``seconds`` are the GPU-seconds of one unit, cell by cell, where it is priced by them."""
    return {
        "name": item.name,
        "title": item.title,
        "unit": item.unit,
        "column": item.column,
        "price": price.name,
        "seconds": _coded(price.units_per_quantity(cells, item))
        if price.name == GPU_HOUR
        else None,
    }


def _price(price: Price) -> Json:
    article = "an" if price.unit[0] in "aeiou" else "a"
    return {
        "name": price.name,
        "scope": price.scope,
        "unit": price.unit,
        "noun": f"{article} {price.unit}" + ("" if price.scope else f" of {price.items[0].title}"),
    }


def _unit_prices(cells: pd.DataFrame, price: Price) -> list[Json]:
    """The price of each task or accelerator, or the one of a cost item: a slider each."""
    noun = _price(price)["noun"]
    return [
        {
            "price": price.name,
            "value": value,
            "name": price.book_name(value),
            "slider": f"gpu-usd-{position}" if price.name == GPU_HOUR else f"{price.name}-usd",
            "title": f"Price of {noun}" + (f", {value}" if price.name == GPU_HOUR else ""),
            "per": f"per {price.unit} of {value or price.items[0].title}",
            "now": now,
            "middle": now or _USUAL_USD.get(price.name, 1.0),
        }
        for position, (value, now) in enumerate(prices_now(cells, price.name).items())
    ]


def _curve(curve: Curve) -> Json:
    return {
        "strategy": curve.strategy,
        "label": curve.label,
        "shade": curve.shade,
        "marker": marker_path(curve.marker),
    }


def _plans(cells: pd.DataFrame) -> Mapping[str, list[Any]]:
    """The plans by their numbers in `points`: what each is, its scores, and which cells say what it costs."""
    point, plans = point_columns(cells), points(cells).sort_values("plan", ignore_index=True)
    measured = cells[cells["feasible"] & cells["score"].notna()]
    plan = measured[point].merge(plans[[*point, "plan"]], on=point, how="left")["plan"]
    numbered = measured.assign(plan=plan.to_numpy(), row=measured.index)
    # As `seed_scores` does: of cells that are the same training, the one of the smallest budget tells the cost.
    once = numbered.sort_values("budget", kind="stable").drop_duplicates(["plan", "seed", "repeat"])
    seeds = seed_scores(cells).groupby("plan")
    records = plans.to_dict("records")
    metrics = numbered.drop_duplicates("plan").set_index("plan")["metric"]
    units = {
        name: points(cells.assign(_units=price.units(cells)), "_units").set_index("plan")["cost"]
        for name, price in prices_of(cells).items()
    }
    margins = list(zip(plans["score"], plans["score_margin"], strict=True))
    return {
        "cells": [group.tolist() for _, group in numbered.groupby("plan")["row"]],
        "priced_by": [group.tolist() for _, group in once.groupby("plan")["row"]],
        "units": [
            {name: values[number] for name, values in units.items()} for number in plans["plan"]
        ],
        "baseline": [strategy_of(str(name)).is_baseline for name in plans["strategy"]],
        "order": [strategy_of(record["strategy"]).order(record) for record in records],
        "reached": [reached(record) for record in records],
        "quantities": [_quantities(record, reported_items(cells)) for record in records],
        "points": [points_of_100(*pair) for pair in margins],
        "scored": [points_of_100(*pair, str(metrics[i])) for i, pair in enumerate(margins)],
        **{
            name: _plain(plans[name])
            for name in ("score", "score_margin", "score_lowest", "score_highest")
        },
        "seeds": [group.tolist() for _, group in seeds["seed"]],
        "seed_scores": [group.tolist() for _, group in seeds["score"]],
    }


def _quantities(record: Mapping[Any, Any], items: Sequence[ReportedItem]) -> str:
    """What a plan buys and makes: ``labels: 10 labels; student's training: 400 steps``."""
    bought = [(item, record[item.column]) for item in items]
    words = [f"{item.title}: {quantity:,} {item.unit}s" for item, quantity in bought if quantity]
    return "; ".join(words)


def _plain(values: Any) -> list[Any]:
    """Values as JSON has them; a gap is null."""
    return [None if pd.isna(value) else value for value in values.tolist()]
