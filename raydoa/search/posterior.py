"""Draws of the laws' shapes: first from the prior by their evidence, then moved about by it.

The moves are differential evolution Markov chains (ter Braak 2006, doi 10.1007/s11222-006-8769-1): along the difference
of two other draws, and now and then to the other law.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from raydoa.search.laws import DIMENSIONS, Array, Laws, Prior, Shapes

Evidence = Callable[[Shapes], Array]
"""Logarithm of the marginal likelihood of each draw."""

_SWITCHED = 0.15
_FULL_LENGTH = 0.1


@dataclass(frozen=True)
class Effort:
    """How much computing a fit takes: draws from the prior, those that are kept, and moves of each of them."""

    draws: int = 1500
    kept: int = 128
    moves: int = 60


@dataclass(frozen=True)
class Posterior:
    """What is believed of the shapes once something is measured.

    Attributes:
        prior: what is believed before.
        laws: which laws there may be.
        effort: computing.
    """

    prior: Prior
    laws: Laws
    effort: Effort

    def draws(self, random: np.random.Generator, evidence: Evidence | None) -> Shapes:
        """Some draws; without any evidence, of the prior."""
        effort = self.effort
        normal = random.normal(size=(effort.draws, DIMENSIONS))
        onset = self._which_law(random, effort.draws)
        if evidence is None:
            return self.prior.shapes(normal[: effort.kept], onset[: effort.kept])
        height = evidence(self.prior.shapes(normal, onset))
        start = random.choice(effort.draws, effort.kept, p=_normalised(height))
        normal, onset = normal[start], onset[start]
        height = height[start] + self._log_prior(normal, onset)
        for _ in range(effort.moves):
            moved, switched = self._moved(random, normal, onset)
            found = evidence(self.prior.shapes(moved, switched)) + self._log_prior(moved, switched)
            taken = np.log(random.random(effort.kept)) < found - height
            normal = np.where(taken[:, None], moved, normal)
            onset = np.where(taken, switched, onset)
            height = np.where(taken, found, height)
        return self.prior.shapes(normal, onset)

    def _moved(
        self, random: np.random.Generator, normal: Array, onset: NDArray[np.bool_]
    ) -> tuple[Array, NDArray[np.bool_]]:
        """A proposal for each draw."""
        count = len(normal)
        pairs = np.array([random.choice(count, 2, replace=False) for _ in range(count)])
        usual = 2.38 / np.sqrt(2 * DIMENSIONS)
        length = np.where(random.random(count) < _FULL_LENGTH, 1.0, usual)
        along = length[:, None] * (normal[pairs[:, 0]] - normal[pairs[:, 1]])
        moved = normal + along + 0.1 * random.normal(size=normal.shape)
        both = self.laws.power and self.laws.onset
        return moved, onset ^ (both & (random.random(count) < _SWITCHED))

    def _which_law(self, random: np.random.Generator, count: int) -> NDArray[np.bool_]:
        if self.laws.power and self.laws.onset:
            return random.random(count) < self.prior.onset
        return np.full(count, self.laws.onset)

    def _log_prior(self, normal: Array, onset: NDArray[np.bool_]) -> Array:
        """Logarithm of the prior density of draws, up to a constant."""
        law = np.where(onset, np.log(self.prior.onset), np.log1p(-self.prior.onset))
        density: Array = law - 0.5 * (normal**2).sum(axis=1)
        return density


def _normalised(logarithms: Array) -> Array:
    probabilities: Array = np.exp(logarithms - logsumexp(logarithms))
    return np.asarray(probabilities / probabilities.sum())
