"""What the page knows: the cells, column by column, their plans, prices, and how all of it is said."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from raydoa.errors import UserError
from raydoa.report.columns import types_of
from raydoa.report.cost_items import ReportedItem, items_there
from raydoa.report.looks import Curve, curve_keys, curves_of
from raydoa.report.majority import constant_of
from raydoa.report.overview import NO_WINNER, notes
from raydoa.report.page.looks import marker_path
from raydoa.report.page.plans import Json, json_values, page_plans
from raydoa.report.pareto import PANEL
from raydoa.report.reprice import CHANGE, emptied_columns
from raydoa.report.sentence import TEMPLATES
from raydoa.report.standings import NO_BETTER
from raydoa.report.unit_prices import GPU_HOUR, LABEL, Price, prices_of, scope_value
from raydoa.report.wording import FORMATS, SCORE_AXIS
from raydoa.settings import read_mapping

_USUAL_USD = {LABEL: 0.2, GPU_HOUR: 3.0}
"""Where a slider starts if the sweep has no single price."""


def page_data(cells: pd.DataFrame, budgets: Sequence[float], gaps: Sequence[str] = ()) -> Json:
    """Everything that is in the page, as plain values.

    Args:
        cells: rows of `raydoa.report.results.load`, repriced or not.
        budgets: dollars, smallest first, that are offered to look at.
        gaps: what its reader must know before all else, as `raydoa.report.results.Loaded.gaps` tells.

    Raises:
        UserError: a number is infinite, which no chart can show.
    """
    prices, curves = prices_of(cells), curves_of(cells)
    unit_prices = [one for price in prices.values() for one in _unit_prices(cells, price)]
    panels = cells.groupby(PANEL, sort=True)
    keys, names = list(curves), [one["name"] for one in unit_prices]
    constants = {str(task): constant_of(of_task) for task, of_task in cells.groupby("task")}
    return {
        **page_plans(cells),
        "columns": [_column(cells, name, kind) for name, kind in types_of(cells).items()],
        "emptied": emptied_columns(cells),
        "items": [_item(cells, prices[item.priced_by], item) for item in items_there(cells)],
        "prices": [{"name": price.name, "scope": price.scope, "noun": _noun(price)} for price in prices.values()],
        "unit_prices": unit_prices,
        "panels": [_panel(panel, prices.values(), names, constants) for _, panel in panels],
        "panel_of": panels.ngroup().tolist(),
        "curves": [_curve(curve) for curve in curves.values()],
        "curve_of": [keys.index(key) for key in curve_keys(cells)],
        "budgets": list(budgets),
        "notes": [*gaps, *notes(cells)],
        "formats": {name: asdict(number_format) for name, number_format in FORMATS.items()},
        "words": {**TEMPLATES, **_shared_words(), **_page_words()},
    }  # fmt: skip


def _shared_words() -> Json:
    """Words of the library that are no sentences."""
    named = {"no_winner": NO_WINNER, "no_better_standing": NO_BETTER}
    return {"change": CHANGE, "score_axis": SCORE_AXIS, **named}


def _page_words() -> Json:
    return read_mapping(Path(__file__).with_name("words.yaml"))


def _column(cells: pd.DataFrame, name: str, kind: str) -> Json:
    column = cells[name]
    if kind == "float64" and np.isinf(column).any():
        cell = cells["cell"][np.isinf(column)].iloc[0]
        raise UserError(f"{name} of cell {cell} is infinite; a page cannot show that")
    return {"name": name, "kind": kind, **_coded(column)}


def _coded(column: Any) -> Json:
    """The values of a column, or, where that is shorter, its different values and which of them each cell has."""
    values = json_values(column)
    codes, different = pd.factorize(pd.Series(values, dtype=object), use_na_sentinel=False)
    if len(different) > len(values) / 2:
        return {"values": values}
    return {"values": json_values(different), "codes": codes.tolist()}


def _item(cells: pd.DataFrame, price: Price, item: ReportedItem) -> Json:
    """A cost item; ``seconds`` are the GPU-seconds of one unit, cell by cell, where it is priced by them."""
    seconds = price.units_per_quantity(cells, item) if price.name == GPU_HOUR else None
    return {
        **asdict(item),
        "column": item.column,
        "seconds": seconds if seconds is None else _coded(seconds),
    }


def _noun(price: Price) -> str:
    article = "an" if price.unit[0] in "aeiou" else "a"
    return f"{article} {price.unit}" + ("" if price.scope else f" of {price.items[0].title}")


def _unit_prices(cells: pd.DataFrame, price: Price) -> list[Json]:
    """The price of each task or accelerator, or the one of a cost item: a slider each, but that tasks share one."""
    listed: list[Json] = []
    for name, group in cells.groupby(price.names(cells)):
        value, now = scope_value(str(name)), price.now(group)
        title, slider = f"Price of {_noun(price)}", f"{price.name}-usd"
        if price.name == GPU_HOUR:
            title, slider = f"{title}, {value}", f"gpu-usd-{len(listed)}"
        listed.append(
            {
                "price": price.name,
                "value": value,
                "task": value if price.name == LABEL else None,
                "name": name,
                "slider": slider,
                "title": title,
                "unit": price.unit,
                "per": f"per {price.unit} of {value or price.items[0].title}",
                "now": now,
                "middle": now or _USUAL_USD.get(price.name, 1.0),
            }
        )
    return listed


def _panel(
    panel: pd.DataFrame,
    prices: Iterable[Price],
    names: Sequence[str],
    constants: Mapping[str, str | None],
) -> Json:
    """A task and N, and by the names of prices which of the unit prices is theirs; None where they have several.

    ``constant`` is what plans have to be better than to win, in words.
    """
    task, n = panel[PANEL].iloc[0]
    here = {price.name: price.names(panel).unique() for price in prices}
    now = {name: names.index(own[0]) if len(own) == 1 else None for name, own in here.items()}
    return {"task": task, "n": int(n), "now": now, "constant": constants[task]}


def _curve(curve: Curve) -> Json:
    return {**asdict(curve), "label": curve.label, "marker": marker_path(curve.marker)}
