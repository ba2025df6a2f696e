"""The fits of one search: each goes on from the one before it."""

from collections.abc import Callable

from raydoa.search.surrogate.surface import Measured, Surface

Measurements = tuple[Measured, ...]


class Fits:
    """The last fit, kept: suggesting and recommending ask for the same, and the next one goes on from it.

    What is known first is fitted at once, what the search has measured one by one in its order. So a search that was
    killed comes to the same fits again, in as long as they took.

    Args:
        first: how many measurements are known before the search begins.
        fit: makes a fit of measurements, going on from another or from none.
    """

    def __init__(self, first: int, fit: Callable[[Measurements, Surface | None], Surface]) -> None:
        self._first = first
        self._fit = fit
        self._fitted: Measurements = ()
        self._last = fit((), None)

    def to(self, measured: Measurements) -> Surface:
        """The fit to all of these."""
        if not self._fitted or measured[: len(self._fitted)] != self._fitted:
            # Fits to nothing keep few draws of the prior, from which none goes on.
            self._fitted = measured[: max(1, self._first)]
            self._last = self._fit(self._fitted, None)
        for count in range(len(self._fitted) + 1, len(measured) + 1):
            self._last = self._fit(measured[:count], self._last)
        self._fitted = measured
        return self._last
