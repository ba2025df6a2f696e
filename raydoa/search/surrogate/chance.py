"""Where models have learnt nothing: between the error that shows and the one that laws speak of."""

from dataclasses import dataclass

import numpy as np

from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.special import expit

_BEND = 0.03
_ABOVE = 0.12
_FAR = 0.1
_MOST_HIDDEN = 0.999


@dataclass(frozen=True)
class Chance:
    """Errors cannot exceed that of a model that has learnt nothing: there laws go on, and scores do not.

    ``seen = ceiling - t softplus((ceiling - latent) / t)``. An error close to the ceiling says only that the latent one
    is about there or anywhere above.
    """

    ceiling: float

    @classmethod
    def below(cls, errors: Array, constant_score: float = 0.0) -> "Chance":
        """With the worst that was seen as the ceiling, if it was seen twice and is far from the best.

        Where the best constant answer is known to score something, the ceiling is no higher than its error.
        """
        worst, best = float(errors.max(initial=-np.inf)), float(errors.min(initial=np.inf))
        twice = np.sum(errors > worst - _BEND) > 1
        seen = worst if twice and worst - best > _FAR else np.inf
        known = 1 - constant_score if constant_score else np.inf
        return cls(min(seen, known) + 0.5 * _BEND)

    def latent(self, errors: Array) -> Array:
        """What the laws speak of; a model that scores less than a constant answer has learnt no less than nothing."""
        hidden = np.exp(-(self.ceiling - self._seeable(errors)) / _BEND)
        return np.asarray(self._seeable(errors) - _BEND * np.log1p(-hidden) + _ABOVE * hidden)

    def _seeable(self, errors: Array) -> Array:
        return np.minimum(errors, self.ceiling - 0.5 * _BEND)

    def doubt(self, errors: Array) -> tuple[Array, Array]:
        """How much noise is stretched in the latent error, and the deviation of what cannot be seen."""
        hidden = np.minimum(np.exp(-(self.ceiling - errors) / _BEND), _MOST_HIDDEN)
        return 1 / (1 - hidden), 2 * _ABOVE * hidden

    def seen(self, latent: Array) -> Array:
        """The error that shows."""
        if not np.isfinite(self.ceiling):
            return latent
        return np.asarray(self.ceiling - _BEND * np.logaddexp(0, (self.ceiling - latent) / _BEND))

    def slope(self, latent: Array) -> Array:
        """The derivative of `seen`."""
        return np.asarray(expit((self.ceiling - latent) / _BEND))
