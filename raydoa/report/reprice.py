"""A finished sweep at other prices, without training anything again: its quantities x new unit prices.

What this says is what each *measured plan* would cost at the new prices, item by item in whole micro-dollars, by the
rules of `raydoa.costs.ledger`. What it does not say:

- A plan was chosen under the old prices. At new ones it costs another amount and belongs to another budget, so
  `unspent` and the fractions of the budget are emptied, `budget` only tells for which budget the plan was made, and
  comparisons ask what costs at most B (`raydoa.report.best_within_budget`). Plans that nobody measured, which cheaper
  labels would allow, say, are not guessed: `raydoa plan --from` does that.
- An infeasible cell has no quantities; it stays as it is, whatever the new prices are.
- What a sweep incurred is kept in dollars alone, so `cost_incurred` is emptied.
- A GPU price is one of the accelerator that the sweep was planned for. Another accelerator takes other GPU-seconds.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from raydoa.costs.book_files import open_book, shipped_books
from raydoa.costs.prices import PriceBook
from raydoa.costs.tariffs import MICRO
from raydoa.costs.vectorized import micro_usd
from raydoa.errors import UserError, did_you_mean
from raydoa.report.cost_items import item_names
from raydoa.report.unit_prices import Floats, Price, prices_of
from raydoa.report.wording import fill

NewPrices = Mapping[str, float]
"""Dollars by the names that a price book's id has: ``label.TASK``, ``gpu.NAME``, a cost item; kgCO2e per kWh by ``grid.REGION``.

What is not in here stays as it was.
"""

CHANGE = "+{name}={usd:change}"
"""What a changed price adds to the id of a price book, here and on the page."""


def new_prices(changes: Mapping[str, float], cells: pd.DataFrame) -> dict[str, float]:
    """Changes as `raydoa plan --what-if` writes them: ``label`` or ``label.TASK``, ``gpu_hour`` or ``gpu.NAME``,
    ``grid`` or ``grid.REGION``, and the name of a cost item that has a price of its own. Without a task, accelerator
    or region, it is the price of all that the cells have.

    Raises:
        UserError: the sweep has no such price, or it is no price.
    """
    of = _price_names(cells)
    allowed = [*of, *(name for names in of.values() for name in names if name not in of)]
    for name in changes:
        if name not in allowed:
            raise UserError(
                f"price: found {name!r}; those of this sweep are {', '.join(allowed)}{did_you_mean(name, allowed)}"
            )
    changed: dict[str, float] = {}
    # What names one of them says more than what names all.
    for name in sorted(changes, key=lambda name: name not in of):
        changed |= dict.fromkeys(of.get(name, [name]), changes[name])
    for name, usd in changed.items():
        if not (np.isfinite(usd) and usd >= 0):
            raise UserError(f"{name}: found {usd:g}; a price is a number from 0 up")
    return {name: abs(usd) for name, usd in changed.items()}  # Of -0 as well.


def _price_names(cells: pd.DataFrame) -> dict[str, list[str]]:
    """The names of all prices that cells have, by what `raydoa plan --what-if` calls all of a kind."""
    prices = prices_of(cells).values()
    names = {price.name: sorted(price.names(cells).unique()) for price in prices if price.scope}
    names["grid"] = [f"grid.{region}" for region in sorted(cells["region"].unique())]
    return names | {price.name: [price.name] for price in prices if not price.scope}


def reprice(cells: pd.DataFrame, prices: NewPrices, book: PriceBook | None = None) -> pd.DataFrame:
    """The same cells at other prices, as a new table; `prices` tells what was changed.

    Args:
        cells: rows of `raydoa.report.results.load`.
        prices: what to change. A price that is not changed leaves the dollars of its items as they are.
        book: the price book of the sweep, whose rated power and PUE another grid intensity is multiplied with;
            by default the shipped one that the rows name.

    Raises:
        UserError: the sweep has no such price, or it is no price; or a grid intensity is changed, and the rows' price book
            is not one of those shipped.
    """
    if not prices:
        return cells
    prices, out = new_prices(prices, cells), cells.copy()
    for price in prices_of(cells).values():
        usd = np.asarray(price.names(cells).map(prices), dtype=np.float64)
        _set_costs(out, price, usd)
    _weigh_carbon(out, prices, book)
    items = item_names(cells)
    out["cost_total"] = sum(np.rint(out[f"cost_{item}"] * MICRO) for item in items) / MICRO
    out[emptied_columns(cells)] = np.nan
    ordered = [name for names in _price_names(cells).values() for name in names if name in prices]
    changes = [fill(CHANGE, {"name": name, "usd": prices[name]}) for name in ordered]
    out["prices"] = out["prices"] + "".join(changes)
    return out


def emptied_columns(cells: pd.DataFrame) -> list[str]:
    """Columns that are not known at other prices."""
    return ["unspent", "cost_incurred", *(f"fraction_{item}" for item in item_names(cells))]


def gpu_seconds(cells: pd.DataFrame) -> "pd.Series[float]":
    """Planned GPU-seconds of each cell, over all items."""
    return cells[[f"gpu_seconds_{item}" for item in item_names(cells)]].sum(axis=1)


def _set_costs(out: pd.DataFrame, price: Price, usd: Floats) -> None:
    changed = ~np.isnan(usd)
    for item in price.items if changed.any() else ():
        units = price.units_per_quantity(out, item)
        timed = ~np.isnan(units)
        each = price.usd_per_quantity(np.where(timed, units, 0.0), np.where(changed, usd, 0.0))
        # What is not known how long it takes has no price, rather than none to pay.
        costs = np.where(timed, micro_usd(out[item.column].to_numpy(), each) / MICRO, np.nan)
        out[f"cost_{item.name}"] = np.where(changed, costs, out[f"cost_{item.name}"])


def _weigh_carbon(out: pd.DataFrame, prices: NewPrices, book: PriceBook | None) -> None:
    """kgCO2e = GPU-hours x rated power x PUE x grid intensity."""
    hours = gpu_seconds(out) / 3600
    for (name, accelerator, region), group in out.groupby(["prices", "accelerator", "region"]):
        if f"grid.{region}" not in prices:
            continue
        used = book or _book_of(str(name))
        kilowatts = used.accelerator(str(accelerator)).rated_watts.value / 1000
        factor = kilowatts * used.pue.value * prices[f"grid.{region}"]
        out.loc[group.index, "kgco2e"] = hours.loc[group.index] * factor


def _book_of(name: str) -> PriceBook:
    """The shipped book that rows name, whose changed prices do not matter for carbon."""
    base = name.partition("+")[0]
    if base not in shipped_books():
        raise UserError(
            f"grid: the sweep's price book {base!r} is not shipped with raydoa, and rated power and PUE are in it; "
            "give it with --prices"
        )
    return open_book(base)
