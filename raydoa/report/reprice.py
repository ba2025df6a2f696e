"""A finished sweep at other prices, without training anything again: its quantities x new unit prices.

What this says is what each *measured plan* would cost at the new prices, item by item in whole micro-dollars, by the
rules of `raydoa.costs.ledger`. What it does not say:

- A plan was chosen under the old prices. At new ones it costs another amount and belongs to another budget, so
  `unspent` and the fractions of the budget are emptied, `budget` only tells for which budget the plan was made, and
  comparisons ask what costs at most B (`raydoa.report.best_within_budget`). Plans that nobody measured, which cheaper labels
  would allow, say, are not guessed: `raydoa plan --from` does that.
- A cell that could not be paid has no quantities; it stays as it is, whatever the new prices are.
- What a sweep incurred is kept in dollars alone, so `cost_incurred` is emptied.
- A GPU price is one of the accelerator that the sweep was planned for. Another accelerator takes other GPU-seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from raydoa.costs.ledger import MICRO
from raydoa.costs.prices import PriceBook, open_book, shipped_books
from raydoa.costs.vectorized import micro_usd, unit_gpu_seconds
from raydoa.errors import UserError, did_you_mean

COMPUTING: Mapping[str, str] = {
    "teacher": "teacher_steps",
    "pseudo_labels": "pseudo_labels",
    "student": "student_steps",
}
"""The stages that take GPU-seconds, and the column of how many units of each a plan has."""

_ITEMS = ("labels", *COMPUTING, "llm")
_SHARES = tuple(f"fraction_{item}" for item in _ITEMS if item != "llm")
_EMPTIED = ("unspent", "cost_incurred", *_SHARES)


@dataclass(frozen=True)
class NewPrices:
    """Prices to look at instead of those of the sweep; what is not in here stays as it was.

    Attributes:
        label_usd: dollars per label, by task.
        gpu_hour_usd: dollars per GPU-hour, by accelerator.
        kgco2e_per_kwh: grid intensity, by region.
    """

    label_usd: Mapping[str, float] = field(default_factory=dict)
    gpu_hour_usd: Mapping[str, float] = field(default_factory=dict)
    kgco2e_per_kwh: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, prices in self._named():
            for key, value in prices.items():
                if not (np.isfinite(value) and value > 0):
                    raise UserError(f"{name}.{key}: found {value:g}; a price is a number above 0")

    def __bool__(self) -> bool:
        return any(prices for _, prices in self._named())

    def words(self) -> str:
        """The changes as a price book's id has them: ``label.wlp=0.1+gpu.a100-40gb=2``."""
        return "+".join(
            f"{name}.{key}={value:g}" for name, p in self._named() for key, value in p.items()
        )

    def _named(self) -> list[tuple[str, Mapping[str, float]]]:
        return [
            ("label", self.label_usd),
            ("gpu", self.gpu_hour_usd),
            ("grid", self.kgco2e_per_kwh),
        ]


def new_prices(changes: Mapping[str, float], cells: pd.DataFrame) -> NewPrices:
    """Changes as `raydoa plan --what-if` writes them: ``label`` or ``label.TASK``, ``gpu_hour`` or ``gpu.NAME``,
    ``grid`` or ``grid.REGION``. Without a name, the price of all that the cells have.

    Raises:
        UserError: the cells know no such price.
    """
    known = {
        "label": sorted(cells["task"].unique()),
        "gpu": sorted(cells["accelerator"].unique()),
        "grid": sorted(cells["region"].unique()),
    }
    found: dict[str, dict[str, float]] = {kind: {} for kind in known}
    for text, value in changes.items():
        kind, _, name = text.partition(".")
        kind = "gpu" if text == "gpu_hour" else kind
        allowed = [
            "label",
            "gpu_hour",
            "grid",
            *(f"{k}.{n}" for k, names in known.items() for n in names),
        ]
        if kind not in known or (name and name not in known[kind]) or text == "gpu":
            raise UserError(
                f"price: found {text!r}; those of this sweep are {', '.join(allowed)}{did_you_mean(text, allowed)}"
            )
        found[kind] |= dict.fromkeys([name] if name else known[kind], value)
    return NewPrices(found["label"], found["gpu"], found["grid"])


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
    _price_labels(out, prices)
    _price_computing(out, prices)
    _weigh_carbon(out, prices, book)
    micro = sum(np.rint(out[f"cost_{item}"] * MICRO) for item in _ITEMS)
    out["cost_total"] = micro / MICRO
    out[list(_EMPTIED)] = np.nan
    out["prices"] = out["prices"] + f"+{prices.words()}"
    return out


def _price_labels(out: pd.DataFrame, prices: NewPrices) -> None:
    price = out["task"].map(prices.label_usd).to_numpy(dtype=float)
    changed = ~np.isnan(price)
    costs = micro_usd(out["labels"].to_numpy(), np.where(changed, price, 0.0)) / MICRO
    out["cost_labels"] = np.where(changed, costs, out["cost_labels"])


def _price_computing(out: pd.DataFrame, prices: NewPrices) -> None:
    price = out["accelerator"].map(prices.gpu_hour_usd).to_numpy(dtype=float)
    changed = ~np.isnan(price)
    for stage, column in COMPUTING.items():
        quantities = out[column].to_numpy()
        unit = unit_gpu_seconds(out[f"gpu_seconds_{stage}"].to_numpy(), quantities)
        known = ~np.isnan(unit)
        usd = np.where(known, unit, 0.0) * np.where(changed, price, 0.0) / 3600
        # What is not known how long it takes has no price, rather than none to pay.
        costs = np.where(known, micro_usd(quantities, usd) / MICRO, np.nan)
        out[f"cost_{stage}"] = np.where(changed, costs, out[f"cost_{stage}"])


def gpu_seconds(cells: pd.DataFrame) -> "pd.Series[float]":
    """Planned GPU-seconds of each cell, over all stages."""
    return cells[[f"gpu_seconds_{stage}" for stage in (*COMPUTING, "llm")]].sum(axis=1)


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
    """The shipped book that rows name, whose changed prices are no matter here."""
    base = name.partition("+")[0]
    if base not in shipped_books():
        raise UserError(
            f"grid: the sweep's price book {base!r} is not shipped with raydoa, and rated power and PUE are in it; "
            "give it with --prices"
        )
    return open_book(base)
