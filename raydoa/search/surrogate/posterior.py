"""Draws of the laws' shapes: from the prior, or the draws of a moment ago, by their evidence; then moved about by it.

To go on from the draws that one measurement less has left is iterated batch importance sampling (Chopin 2002, doi
10.1093/biomet/89.3.539): they are nearly right already, so a search gets by with few moves for each measurement, and
what it recommends changes less by the luck of new draws. The moves are differential evolution Markov chains (ter
Braak 2006, doi 10.1007/s11222-006-8769-1): along the difference of two other draws, and now and then to the other law.
Between them each measurement's kind of training is drawn anew (`trainings`).
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from raydoa.search.surrogate.laws import DIMENSIONS, Array, Laws, Prior, Shapes
from raydoa.search.surrogate.training_kinds import Kinds, drawn, extended

_SWITCHED = 0.15
_FULL_LENGTH = 0.1
# Moves between two drawings of kinds.
_MOVES_OF_A_SWEEP = 10


class Evidence(Protocol):
    """What was measured."""

    @property
    def count(self) -> int:
        """Of measurements."""
        ...

    def evidence(self, shapes: Shapes, kinds: Kinds) -> Array:
        """Logarithm of the marginal likelihood of each draw."""
        ...

    def kinds(self, shapes: Shapes, kinds: Kinds) -> Array:
        """How likely each kind of training is for each measurement ``[draws, measurements, kinds]``.

        In logarithms: its share, and the density against that of a usual training.
        """
        ...


@dataclass(frozen=True)
class Effort:
    """How much computing a fit takes: draws from the prior (where a fit goes on from no other), those that are kept
    (two at least, where gains are asked for), and moves of each of them."""

    draws: int = 1500
    kept: int = 256
    moves: int = 40


@dataclass(frozen=True)
class Population:
    """Draws of shapes.

    Attributes:
        normal: ``[draws, DIMENSIONS]``, standard normal by the prior.
        onset: which law each is of.
        kinds: of training that each measurement is taken for.
        evidence: of each, by what they were drawn for; 0 by the prior.
    """

    normal: Array
    onset: NDArray[np.bool_]
    kinds: Kinds
    evidence: Array

    def pick(self, index: NDArray[np.intp]) -> "Population":
        """Some of them."""
        return Population(
            self.normal[index], self.onset[index], self.kinds[index], self.evidence[index]
        )


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

    def draws(
        self,
        random: np.random.Generator,
        evidence: Evidence | None,
        before: Population | None = None,
    ) -> Population:
        """Some draws; without any evidence, of the prior.

        Args:
            random: where chance comes from.
            evidence: of what was measured.
            before: draws by other evidence, to go on from; from the prior, unless given.
        """
        if before is None:
            before = self._of_prior(random)
        if evidence is None:
            return before.pick(np.arange(min(self.effort.kept, len(before.normal))))
        population = self._begun(random, evidence, before)
        for done in range(0, self.effort.moves, _MOVES_OF_A_SWEEP):
            moves = min(_MOVES_OF_A_SWEEP, self.effort.moves - done)
            population = self._settled(random, evidence, population, moves)
            population = self._of_other_kinds(random, evidence, population)
        return population

    def _begun(
        self, random: np.random.Generator, evidence: Evidence, before: Population
    ) -> Population:
        """Draws to go on from, by how likely what is new is in each; with a kind for all that is new."""
        known = before.kinds.shape[1]
        kinds = extended(before.kinds, evidence.count)
        shapes = self.shapes(before)
        height = evidence.evidence(shapes, kinds)
        if known:
            # Draws of the prior would take most of what does not suit them for trainings that went wrong.
            new = evidence.kinds(shapes, kinds)[:, known:]
            height = height + logsumexp(new, axis=2).sum(axis=1)
            kinds[:, known:] = drawn(random, new)
        chosen = _resampled(random, height - before.evidence, self.effort.kept)
        return self._weighed(evidence, replace(before, kinds=kinds).pick(chosen))

    def _of_other_kinds(
        self, random: np.random.Generator, evidence: Evidence, population: Population
    ) -> Population:
        """The same with kinds drawn anew."""
        likelihood = evidence.kinds(self.shapes(population), population.kinds)
        return self._weighed(evidence, replace(population, kinds=drawn(random, likelihood)))

    def _weighed(self, evidence: Evidence, population: Population) -> Population:
        """The same with the evidence of its shapes and kinds."""
        height = evidence.evidence(self.shapes(population), population.kinds)
        return replace(population, evidence=height)

    def shapes(self, population: Population) -> Shapes:
        """What a population stands for."""
        return self.prior.shapes(population.normal, population.onset)

    def _of_prior(self, random: np.random.Generator) -> Population:
        count = self.effort.draws
        normal = random.normal(size=(count, DIMENSIONS))
        none = np.zeros((count, 0), dtype=np.int8)
        return Population(normal, self._which_law(random, count), none, np.zeros(count))

    def _settled(
        self, random: np.random.Generator, evidence: Evidence, population: Population, moves: int
    ) -> Population:
        """The same after so many moves of each draw, which leave the kinds of trainings alone."""
        normal, onset, height = population.normal, population.onset, population.evidence
        kinds = population.kinds
        prior = self._log_prior(normal, onset)
        for _ in range(moves):
            moved, switched = self._moved(random, normal, onset)
            found = evidence.evidence(self.prior.shapes(moved, switched), kinds)
            believed = self._log_prior(moved, switched)
            gain = found + believed - height - prior
            taken = np.log(random.random(len(gain))) < gain
            normal = np.where(taken[:, None], moved, normal)
            onset = np.where(taken, switched, onset)
            height = np.where(taken, found, height)
            prior = np.where(taken, believed, prior)
        return Population(normal, onset, kinds, height)

    def _moved(
        self, random: np.random.Generator, normal: Array, onset: NDArray[np.bool_]
    ) -> tuple[Array, NDArray[np.bool_]]:
        """A proposal for each draw."""
        count = len(normal)
        # Of others: a draw that moves along its own distance to another one shrinks towards the middle.
        first, second = (
            (np.arange(count) + random.integers(1, max(2, count), size=count)) % count
            for _ in range(2)
        )
        usual = 2.38 / np.sqrt(2 * DIMENSIONS)
        length = np.where(random.random(count) < _FULL_LENGTH, 1.0, usual)
        along = length[:, None] * (normal[first] - normal[second])
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


def _resampled(random: np.random.Generator, weights: Array, count: int) -> NDArray[np.intp]:
    """Which draws to go on from: systematic, so that each comes as often as its weight says, give or take one."""
    shares = np.cumsum(np.exp(weights - logsumexp(weights)))
    at = (np.arange(count) + random.random()) / count * shares[-1]
    return np.asarray(np.minimum(np.searchsorted(shares, at), len(weights) - 1))
