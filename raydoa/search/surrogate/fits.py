"""The fits of one search: each goes on from the one before it."""

from collections.abc import Callable

from raydoa.search.surrogate.surface import Measured, Surface

Told = tuple[Measured, ...]


class Fits:
    """The last fit, kept: choosing and recommending ask for the same, and the next one goes on from it.

    What is known first is fitted at once, what the search was told one by one in its order. So a search that was
    killed comes to the same fits again, in as long as they took.

    Args:
        first: how many measurements are known before the search begins.
        fit: makes a fit of measurements, going on from another or from none.
    """

    def __init__(self, first: int, fit: Callable[[Told, Surface | None], Surface]) -> None:
        self._first = first
        self._fit = fit
        self._told: Told = ()
        self._last = fit((), None)

    def to(self, told: Told) -> Surface:
        """The fit to all of these."""
        if not self._told or told[: len(self._told)] != self._told:
            # Fits to nothing keep few draws of the prior, from which none goes on.
            self._told = told[: max(1, self._first)]
            self._last = self._fit(self._told, None)
        for count in range(len(self._told) + 1, len(told) + 1):
            self._last = self._fit(told[:count], self._last)
        self._told = told
        return self._last
