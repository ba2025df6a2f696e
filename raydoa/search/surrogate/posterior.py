"""Draws of the laws' shapes: from the prior, or the draws of a moment ago, by their likelihood; then moved about by it.

To go on from the draws that one measurement less has left is iterated batch importance sampling (Chopin 2002, doi
10.1093/biomet/89.3.539): they are nearly right already, so a search gets by with few moves for each measurement, and
what it recommends changes less by the luck of new draws. The moves are differential evolution Markov chains (ter
Braak 2006, doi 10.1007/s11222-006-8769-1): along the difference of two other draws, and now and then to the other law.
Between them each measurement's kind of training is drawn anew (`trainings`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.laws import DIMENSIONS, Prior, Shapes
from raydoa.search.surrogate.process import Process
from raydoa.search.surrogate.special import logsumexp
from raydoa.search.surrogate.training_kinds import Kinds, drawn, extended

_SWITCHED = 0.15
_FULL_LENGTH = 0.1
# Moves between two drawings of kinds.
_MOVES_OF_A_SWEEP = 10


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
        log_likelihood: of each, by what they were drawn for; 0 by the prior.
    """

    normal: Array
    onset: NDArray[np.bool_]
    kinds: Kinds
    log_likelihood: Array

    def pick(self, index: NDArray[np.intp]) -> "Population":
        """Some of them."""
        return Population(
            self.normal[index], self.onset[index], self.kinds[index], self.log_likelihood[index]
        )


@dataclass(frozen=True)
class Posterior:
    """What is believed of the shapes once something is measured.

    Attributes:
        prior: what is believed before.
        effort: computing.
    """

    prior: Prior
    effort: Effort

    def draws(
        self,
        random: np.random.Generator,
        process: Process | None,
        before: Population | None = None,
    ) -> Population:
        """Some draws; without any measurement, of the prior.

        Args:
            random: where chance comes from.
            process: of what was measured.
            before: draws by the likelihood of another one, to go on from; from the prior, unless given.
        """
        if before is None:
            before = self._of_prior(random)
        if process is None:
            return before.pick(np.arange(min(self.effort.kept, len(before.normal))))
        population = self._begun(random, process, before)
        for done in range(0, self.effort.moves, _MOVES_OF_A_SWEEP):
            moves = min(_MOVES_OF_A_SWEEP, self.effort.moves - done)
            population = self._settled(random, process, population, moves)
            population = self._of_other_kinds(random, process, population)
        return population

    def _begun(
        self, random: np.random.Generator, process: Process, before: Population
    ) -> Population:
        """Draws to go on from, by how likely what is new is in each; with a kind for all that is new."""
        old = before.kinds.shape[1]
        kinds = extended(before.kinds, process.count)
        shapes = self.shapes(before)
        height = process.log_likelihood(shapes, kinds)
        if old:
            # Draws of the prior would take most of what does not suit them for trainings that went wrong.
            new = process.kinds(shapes, kinds)[:, old:]
            height = height + logsumexp(new, axis=2).sum(axis=1)
            kinds[:, old:] = drawn(random, new)
        chosen = _resampled(random, height - before.log_likelihood, self.effort.kept)
        return self._weighed(process, replace(before, kinds=kinds).pick(chosen))

    def _of_other_kinds(
        self, random: np.random.Generator, process: Process, population: Population
    ) -> Population:
        """The same with kinds drawn anew."""
        of_kinds = process.kinds(self.shapes(population), population.kinds)
        return self._weighed(process, replace(population, kinds=drawn(random, of_kinds)))

    def _weighed(self, process: Process, population: Population) -> Population:
        """The same with the likelihood of its shapes and kinds."""
        height = process.log_likelihood(self.shapes(population), population.kinds)
        return replace(population, log_likelihood=height)

    def shapes(self, population: Population) -> Shapes:
        """What a population stands for."""
        return self.prior.shapes(population.normal, population.onset)

    def _of_prior(self, random: np.random.Generator) -> Population:
        count = self.effort.draws
        normal = random.normal(size=(count, DIMENSIONS))
        none = np.zeros((count, 0), dtype=np.int8)
        return Population(normal, random.random(count) < self.prior.onset, none, np.zeros(count))

    def _settled(
        self,
        random: np.random.Generator,
        process: Process,
        population: Population,
        moves: int,
    ) -> Population:
        """The same after so many moves of each draw, which leave the kinds of trainings alone."""
        normal, onset, height = population.normal, population.onset, population.log_likelihood
        kinds = population.kinds
        prior = self._log_prior(normal, onset)
        for _ in range(moves):
            moved, switched = self._moved(random, normal, onset)
            moved_height = process.log_likelihood(self.prior.shapes(moved, switched), kinds)
            moved_prior = self._log_prior(moved, switched)
            gain = moved_height + moved_prior - height - prior
            taken = np.log(random.random(len(gain))) < gain
            normal = np.where(taken[:, None], moved, normal)
            onset = np.where(taken, switched, onset)
            height = np.where(taken, moved_height, height)
            prior = np.where(taken, moved_prior, prior)
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
        return moved, onset ^ (random.random(count) < _SWITCHED)

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
