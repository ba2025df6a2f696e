"""Costs of many items at once: the same micro-dollars, to the last, as `raydoa.costs.tariffs` gives one by one.

A product of two floats tells its ceiling wherever it is not within its own rounding error of a whole number. The few
that are (all labels, whose prices are round) are computed exactly, each different pair once.
"""

import numpy as np
from numpy.typing import NDArray

from raydoa.costs.tariffs import MICRO, Tariff

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDING = 1e-15
"""Twice the relative error of two products, each half of 2**-52."""


def micro_usd(quantities: Ints, unit_prices_usd: Floats) -> Ints:
    """Whole micro-dollars of each quantity at its unit price, rounded up per item.

    Args:
        quantities: (n,), at least 0.
        unit_prices_usd: (n,), dollars per unit; unused where the quantity is 0.
    """
    prices = np.where(quantities > 0, unit_prices_usd, 0.0)
    rough = quantities * prices * MICRO
    near = np.abs(rough - np.rint(rough)) <= rough * _ROUNDING
    costs = np.ceil(rough).astype(np.int64)
    doubtful = near & (quantities > 0)
    if doubtful.any():
        pairs = np.stack([quantities[doubtful].astype(np.float64), prices[doubtful]])
        once, back = np.unique(pairs, axis=1, return_inverse=True)
        exact = [_tariff(price).micro_usd(int(quantity)) for quantity, price in once.T.tolist()]
        costs[doubtful] = np.array(exact, dtype=np.int64)[back.ravel()]
    return costs


def unit_gpu_seconds(totals: Floats, quantities: Ints) -> Floats:
    """GPU-seconds of one unit, out of those of a quantity; 0 where there is none.

    Of the floats next to the quotient, the one that gives the total again, as the plan had it.
    """
    counts = np.maximum(quantities, 1)
    quotient = totals / counts
    for candidate in (np.nextafter(quotient, 0.0), np.nextafter(quotient, np.inf)):
        wrong = quotient * counts != totals
        quotient = np.where(wrong & (candidate * counts == totals), candidate, quotient)
    return np.where(quantities > 0, quotient, 0.0)


def _tariff(unit_price_usd: float) -> Tariff:
    return Tariff("", "unit", None, unit_price_usd)
