"""The score as a function of an allocation, with how sure that is.

One Gaussian process over all budgets, averaged over draws of the laws' shapes: in each, the mean is linear in the law's
coefficients, whose normal prior goes into the kernel; beside them stand a smooth residual (Matérn 5/2 in logarithms of
the quantities), an effect that all students of one teacher share, and noise. The draws are of the posterior: picked by
their evidence, corrected for coefficients that must not be negative, and moved by differential evolution Markov chains
(ter Braak 2006, doi 10.1007/s11222-006-8769-1). An observation that a fit finds incredible gets more noise of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from raydoa.search.chance import Chance
from raydoa.search.costs import Costs, Point
from raydoa.search.laws import (
    COEFFICIENTS,
    DIMENSIONS,
    SHAPES,
    Array,
    Inputs,
    Prior,
    Shapes,
    bases,
)
from raydoa.search.regression import Fit, Problem

# In score squared: a tenth of a point, under which no noise is told from none.
_JITTER = 1e-6
_OUTLIER_FREEDOM = 4.0
# No law is the truth: on the development tasks of benchmarks/search_cost.py, 80% intervals held 70% without this.
_DOUBT = 1.25


@dataclass(frozen=True)
class Measured:
    """A finished measurement. ``teacher`` tells one fine-tuning from another; None for `annotate`."""

    point: Point
    score: float
    teacher: tuple[object, ...] | None = None


@dataclass(frozen=True)
class Effort:
    """How much computing a fit takes: draws from the prior, those that are kept, and moves of each of them."""

    draws: int = 500
    kept: int = 64
    moves: int = 30


@dataclass(frozen=True)
class Laws:
    """Which laws are in the mixture; without any, the mean is a constant for each of `annotate` and the rest."""

    power: bool = True
    onset: bool = True


class Surface:
    """A fit.

    Args:
        measured: what is known of the task, of any budget.
        costs: prices and schedules of the task; of them the references and the recipe's steps are used.
        laws: which laws are mixed; both, unless given.
        effort: how much computing it may take.
        seed: of the draws.
        prior: what is believed before; wide guesses, unless given.
    """

    def __init__(
        self,
        measured: Sequence[Measured],
        costs: Costs,
        laws: Laws | None = None,
        effort: Effort | None = None,
        seed: int = 0,
        prior: Prior | None = None,
    ) -> None:
        self._costs = costs
        self._prior = prior or Prior()
        self._laws = laws or Laws()
        effort = effort or Effort()
        self._inputs = Inputs.of([m.point for m in measured], costs)
        errors = 1 - np.array([m.score for m in measured], dtype=float)
        self._chance = Chance.below(errors)
        self._errors = self._chance.latent(errors)
        self._stretch, self._hidden = self._chance.doubt(errors)
        self._gaps = self._errors - self._errors.min(initial=1.0)
        self._same_teacher = _same([m.teacher for m in measured])
        self._extra_noise = np.ones(len(measured))
        random = np.random.default_rng(seed)
        self._shapes = self._sampled(random, effort)
        if len(measured) > 2:
            self._extra_noise = self._incredible()
            if np.any(self._extra_noise > 1):
                self._shapes = self._sampled(random, effort)
        self._fit = Fit.of(self._problem(self._shapes))

    def mean_and_sd(self, points: Sequence[Point]) -> tuple[Array, Array]:
        """Expected score of each point and the standard deviation of that expectation; a seed's luck is not in it."""
        inputs = Inputs.of(points, self._costs)
        means, variances = self._moments(inputs)
        mean = means.mean(axis=0)
        variance = (variances + (means - mean) ** 2).mean(axis=0)
        slope = _DOUBT * self._chance.slope(mean)
        return 1 - self._chance.seen(mean), slope * np.sqrt(np.maximum(variance, 0.0))

    def lawful(self, points: Sequence[Point]) -> Array:
        """What the laws expect of each point, though no score shows it below chance.

        A point near chance may turn out far better and hardly worse: here that is a plain deviation.
        """
        means, _ = self._moments(Inputs.of(points, self._costs))
        return np.asarray(1 - means.mean(axis=0))

    def covariance(self, first: Sequence[Point], second: Sequence[Point]) -> Array:
        """Covariance of what `lawful` expects ``[first, second]``, over laws and residuals."""
        one, two = Inputs.of(first, self._costs), Inputs.of(second, self._costs)
        solved_one, means_one = self._solved(one)
        solved_two, means_two = self._solved(two)
        inside = self._kernel(one, two) - np.swapaxes(solved_one, 1, 2) @ solved_two
        mean_one, mean_two = means_one.mean(axis=0), means_two.mean(axis=0)
        between = (means_one - mean_one).T @ (means_two - mean_two) / len(means_one)
        covariance: Array = _DOUBT**2 * (inside.mean(axis=0) + between)
        return covariance

    @property
    def noise_variance(self) -> float:
        """Of one student's seed."""
        return float((self._shapes.noise_sd**2).mean())

    @property
    def teacher_variance(self) -> float:
        """Of one fine-tuning, shared by its students."""
        return float((self._shapes.teacher_sd**2).mean())

    @property
    def onset_probability(self) -> float:
        """How much of the belief is with laws that have an onset."""
        return float(self._shapes.onset_law.mean())

    def beliefs(self) -> tuple[Array, Array, Array]:
        """Shapes in the spreads of `SHAPES`, coefficients in shares of the scale, and their variances, each by draw.

        What another task may take as a prior.
        """
        fit = Fit.of(self._problem(self._shapes))
        named = np.stack([getattr(self._shapes, name) for name in SHAPES], axis=1)
        medians, spreads = np.array(list(SHAPES.values())).T
        scale = np.repeat(self._shapes.scale[:, None], len(COEFFICIENTS), axis=1)
        scale[:, 0] = 1.0
        shapes: Array = np.log(named / medians) / spreads
        return shapes, fit.coefficients / scale, fit.coefficient_variances / scale**2

    def samples(self, points: Sequence[Point], count: int, seed: int = 0) -> Array:
        """Draws of the expected scores ``[count, points]``, jointly."""
        random = np.random.default_rng(seed)
        inputs = Inputs.of(points, self._costs)
        solved, means = self._solved(inputs)
        chosen = random.integers(len(means), size=count)
        drawn = np.empty((count, len(points)))
        middle = means.mean(axis=0)
        for draw in np.unique(chosen):
            inside = (
                self._kernel(inputs, inputs, np.array([draw]))[0] - solved[draw].T @ solved[draw]
            )
            inside += _JITTER * np.eye(len(points))
            values, vectors = np.linalg.eigh(inside)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            here = chosen == draw
            drawn[here] = means[draw] + random.normal(size=(here.sum(), len(points))) @ root.T
        return 1 - self._chance.seen(middle + _DOUBT * (drawn - middle))

    def _sampled(self, random: np.random.Generator, effort: Effort) -> Shapes:
        """Draws of the shapes' posterior: prior draws picked by their evidence, then moved about by it."""
        normal = random.normal(size=(effort.draws, DIMENSIONS))
        onset = self._which_law(random, effort.draws)
        if not len(self._errors):
            return self._prior.shapes(normal[: effort.kept], onset[: effort.kept])
        height = self._evidence(self._prior.shapes(normal, onset))
        start = random.choice(effort.draws, effort.kept, p=_normalised(height))
        normal, onset = normal[start], onset[start]
        height = height[start] + self._log_prior(normal, onset)
        for _ in range(effort.moves):
            moved, switched = self._moved(random, normal, onset)
            found = self._evidence(self._prior.shapes(moved, switched)) + self._log_prior(
                moved, switched
            )
            taken = np.log(random.random(effort.kept)) < found - height
            normal, onset = (
                np.where(taken[:, None], moved, normal),
                np.where(taken, switched, onset),
            )
            height = np.where(taken, found, height)
        return self._prior.shapes(normal, onset)

    def _moved(
        self, random: np.random.Generator, normal: Array, onset: NDArray[np.bool_]
    ) -> tuple[Array, NDArray[np.bool_]]:
        """A proposal for each draw: along the difference of two others, and now and then with the other law."""
        count = len(normal)
        pairs = np.array([random.choice(count, 2, replace=False) for _ in range(count)])
        length = np.where(random.random(count) < 0.1, 1.0, 2.38 / np.sqrt(2 * DIMENSIONS))
        along = length[:, None] * (normal[pairs[:, 0]] - normal[pairs[:, 1]])
        moved = normal + along + 0.1 * random.normal(size=normal.shape)
        both = self._laws.power and self._laws.onset
        return moved, onset ^ (both & (random.random(count) < 0.15))

    def _which_law(self, random: np.random.Generator, count: int) -> NDArray[np.bool_]:
        if self._laws.power and self._laws.onset:
            return random.random(count) < self._prior.onset
        return np.full(count, self._laws.onset)

    def _log_prior(self, normal: Array, onset: NDArray[np.bool_]) -> Array:
        """Logarithm of the prior density of draws, up to a constant."""
        law = np.where(onset, np.log(self._prior.onset), np.log1p(-self._prior.onset))
        density: Array = law - 0.5 * (normal**2).sum(axis=1)
        return density

    def _evidence(self, shapes: Shapes) -> Array:
        """Logarithm of the marginal likelihood of each draw."""
        if not len(self._errors):
            return np.zeros(len(shapes.scale))
        fit = Fit.of(self._problem(shapes))
        found: Array = fit.log_evidence + fit.log_positive
        return found

    def _problem(self, shapes: Shapes) -> Problem:
        basis = self._basis(self._inputs, shapes)
        mean, sd = self._prior.coefficients(shapes)
        own = _residual(self._inputs, self._inputs, shapes)
        own += shapes.teacher_sd[:, None, None] ** 2 * self._same_teacher
        noise = (shapes.noise_sd[:, None] * self._stretch) ** 2 * self._extra_noise
        noise += self._hidden**2 + _JITTER
        noise += (shapes.misfit[:, None] * self._gaps) ** 2
        own += noise[:, :, None] * np.eye(len(self._errors))
        return Problem(basis, mean, sd, own, self._errors)

    def _basis(self, inputs: Inputs, shapes: Shapes) -> Array:
        basis = bases(inputs, shapes)
        if not (self._laws.power or self._laws.onset):
            basis[:, :, [1, 2, 4]] = 0.0
        return basis

    def _kernel(self, one: Inputs, two: Inputs, draws: NDArray[np.intp] | None = None) -> Array:
        shapes = self._shapes if draws is None else self._shapes.pick(draws)
        _, sd = self._prior.coefficients(shapes)
        left = self._basis(one, shapes) * sd[:, None, :]
        right = self._basis(two, shapes) * sd[:, None, :]
        kernel: Array = left @ np.swapaxes(right, 1, 2) + _residual(one, two, shapes)
        return kernel

    def _solved(self, inputs: Inputs) -> tuple[Array, Array]:
        """``L^-1 k`` of each draw ``[draws, observations, points]``, and the means ``[draws, points]``."""
        mean, _ = self._prior.coefficients(self._shapes)
        start = np.einsum("dpc,dc->dp", self._basis(inputs, self._shapes), mean)
        if not len(self._errors):
            return np.zeros((len(mean), 0, len(start[0]))), start
        cross = self._kernel(self._inputs, inputs)
        solved = self._fit.whiten(cross)
        return solved, start + np.einsum("dnp,dn->dp", solved, self._fit.white)

    def _moments(self, inputs: Inputs) -> tuple[Array, Array]:
        solved, means = self._solved(inputs)
        _, sd = self._prior.coefficients(self._shapes)
        linear = ((self._basis(inputs, self._shapes) * sd[:, None, :]) ** 2).sum(axis=2)
        own = (self._shapes.residual * self._shapes.scale)[:, None] ** 2
        own = own + self._shapes.model_sd[:, None] ** 2
        return means, linear + own - (solved**2).sum(axis=1)

    def _incredible(self) -> Array:
        """Factors of noise, above 1 where leaving an observation out predicts it badly."""
        fit = Fit.of(self._problem(self._shapes))
        surprise = (fit.left_out**2).mean(axis=0)
        credible: Array = (_OUTLIER_FREEDOM + surprise) / (_OUTLIER_FREEDOM + 6.0)
        return np.maximum(1.0, credible) ** 2


def _residual(one: Inputs, two: Inputs, shapes: Shapes) -> Array:
    """What laws leave ``[draws, one, two]``: Matérn 5/2 of `annotate` or of teachers, and each model's own."""
    first, second = _positions(one), _positions(two)
    square = ((first[:, None, :] - second[None, :, :]) ** 2).sum(axis=2)
    distance = np.sqrt(5 * square)[None] / shapes.length[:, None, None]
    kind = (one.taught[:, None] == two.taught[None, :])[None]
    height = (shapes.residual * shapes.scale)[:, None, None] ** 2
    smooth = height * kind * (1 + distance + distance**2 / 3) * np.exp(-distance)
    model = kind & (one.size[:, None] == two.size[None, :])[None]
    return np.asarray(smooth + shapes.model_sd[:, None, None] ** 2 * model)


def _positions(inputs: Inputs) -> Array:
    """Where a point lies for the residual, in natural logarithms."""
    u = np.where(inputs.taught, np.log(np.maximum(inputs.u, 1e-3)), 0.0)
    gold = np.log1p(10 * inputs.gold)
    columns = [np.log(inputs.labels), np.log(inputs.size), u, np.log(inputs.share), gold]
    return np.stack(columns, axis=1)


def _same(teachers: Sequence[tuple[object, ...] | None]) -> Array:
    """1 where two observations share their teacher."""
    found = np.zeros((len(teachers), len(teachers)))
    for row, teacher in enumerate(teachers):
        for column, other in enumerate(teachers):
            found[row, column] = teacher is not None and teacher == other
    return found


def _normalised(logarithms: Array) -> Array:
    probabilities: Array = np.exp(logarithms - logsumexp(logarithms))
    return np.asarray(probabilities / probabilities.sum())
