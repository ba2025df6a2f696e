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
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from raydoa.costs.prices import PriceBook, open_book, shipped_books
from raydoa.costs.tariffs import MICRO
from raydoa.costs.vectorized import micro_usd
from raydoa.errors import UserError, did_you_mean
from raydoa.report.cost_items import item_names
from raydoa.report.unit_prices import GPU_HOUR, LABEL, Floats, Price, prices_of


@dataclass(frozen=True)
class NewPrices:
    """Prices to look at instead of those of the sweep; what is not in here stays as it was.

    Attributes:
        label_usd: dollars per label, by task.
        gpu_hour_usd: dollars per GPU-hour, by accelerator.
        kgco2e_per_kwh: grid intensity, by region.
        item_usd: dollars per unit of cost items that have a price of their own, by the item.
    """

    label_usd: Mapping[str, float] = field(default_factory=dict)
    gpu_hour_usd: Mapping[str, float] = field(default_factory=dict)
    kgco2e_per_kwh: Mapping[str, float] = field(default_factory=dict)
    item_usd: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.by_name().items():
            if not (np.isfinite(value) and value > 0):
                raise UserError(f"{name}: found {value:g}; a price is a number above 0")

    def __bool__(self) -> bool:
        return bool(self.by_name())

    def by_name(self) -> dict[str, float]:
        """The prices by the names that a price book's id and `--price` have for them."""
        scoped = {"label": self.label_usd, "gpu": self.gpu_hour_usd, "grid": self.kgco2e_per_kwh}
        named = {f"{kind}.{of}": usd for kind in scoped for of, usd in sorted(scoped[kind].items())}
        return {**named, **self.item_usd}

    def words(self) -> str:
        """The changes as a price book's id has them: ``label.wlp=0.1+gpu.a100-40gb=2``."""
        return "+".join(f"{name}={value:g}" for name, value in self.by_name().items())

    def usd(self, price: Price, cells: pd.DataFrame) -> Floats:
        """The new price of each cell, (cells,); nan where it stays."""
        if price.scope is None:
            return np.full(len(cells), self.item_usd.get(price.name, np.nan))
        new = {LABEL: self.label_usd, GPU_HOUR: self.gpu_hour_usd}[price.name]
        return np.asarray(cells[price.scope].map(new), dtype=np.float64)


def new_prices(changes: Mapping[str, float], cells: pd.DataFrame) -> NewPrices:
    """Changes as `raydoa plan --what-if` writes them: ``label`` or ``label.TASK``, ``gpu_hour`` or ``gpu.NAME``,
    ``grid`` or ``grid.REGION``, and the name of a cost item that has a price of its own. Without a task, accelerator
    or region, it is the price of all that the cells have.

    Raises:
        UserError: the sweep has no such price.
    """
    scopes = {"label": "task", "gpu": "accelerator", "grid": "region"}
    values = {kind: sorted(cells[column].unique()) for kind, column in scopes.items()}
    own = [name for name, price in prices_of(cells).items() if price.scope is None]
    scoped = [f"{kind}.{value}" for kind, of_kind in values.items() for value in of_kind]
    allowed = ["label", "gpu_hour", "grid", *own, *scoped]
    changed: dict[str, dict[str, float]] = {kind: {} for kind in (*scopes, "item")}
    for name, usd in changes.items():
        if name not in allowed:
            raise UserError(
                f"price: found {name!r}; those of this sweep are {', '.join(allowed)}{did_you_mean(name, allowed)}"
            )
        if name in own:
            changed["item"][name] = usd
            continue
        kind, _, value = name.partition(".")
        kind = "gpu" if kind == "gpu_hour" else kind
        changed[kind] |= dict.fromkeys([value] if value else values[kind], usd)
    return NewPrices(changed["label"], changed["gpu"], changed["grid"], changed["item"])


def reprice(cells: pd.DataFrame, prices: NewPrices, book: PriceBook | None = None) -> pd.DataFrame:
    """The same cells at other prices, as a new table; `prices` tells what was changed.

    Args:
        cells: rows of `raydoa.report.results.load`.
        prices: what to change. A price that is not changed leaves the dollars of its items as they are.
        book: the price book of the sweep, whose rated power and PUE another grid intensity is multiplied with;
            by default the shipped one that the rows name.

    Raises:
        UserError: a grid intensity is changed, and the rows' price book is not one of those shipped.
    """
    if not prices:
        return cells
    out = cells.copy()
    for price in prices_of(cells).values():
        _set_costs(out, price, prices.usd(price, cells))
    _weigh_carbon(out, prices, book)
    items = item_names(cells)
    out["cost_total"] = sum(np.rint(out[f"cost_{item}"] * MICRO) for item in items) / MICRO
    out[emptied_columns(cells)] = np.nan
    out["prices"] = out["prices"] + f"+{prices.words()}"
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
    touched = out[out["region"].isin(list(prices.kgco2e_per_kwh))]
    hours = gpu_seconds(touched) / 3600
    for (name, accelerator, region), group in touched.groupby(["prices", "accelerator", "region"]):
        used = book or _book_of(str(name))
        kilowatts = used.accelerator(str(accelerator)).rated_watts.value / 1000
        factor = kilowatts * used.pue.value * prices.kgco2e_per_kwh[str(region)]
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
