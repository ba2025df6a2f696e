"""The Gaussian process: what errors of measurements are made of, and what they say of other points.

In each draw of shapes the mean is linear in the law's coefficients, whose normal prior goes into the kernel; beside
them stand a smooth residual, an effect that all students of one teacher share, and noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from raydoa.search.surrogate.inputs import Array, Inputs
from raydoa.search.surrogate.kernel import residual, variance
from raydoa.search.surrogate.laws import Prior, Shapes, bases
from raydoa.search.surrogate.regression import Fit, Problem
from raydoa.search.surrogate.training_kinds import LOSS, LOSS_VARIANCE, NOISE, SHARE, Kinds

# In score squared: a tenth of a point, under which no noise is told from none.
_JITTER = 1e-6


@dataclass(frozen=True)
class Errors:
    """Errors of measurements, and how far each is to be believed; all are arrays ``[measurements]`` but one.

    Attributes:
        inputs: where they were measured.
        values: the errors.
        same_teacher: ``[measurements, measurements]``, 1 where two share their teacher.
        stretch: how many times the noise of a seed is in each.
        variances: what is added to it.
    """

    inputs: Inputs
    values: Array
    same_teacher: Array
    stretch: Array
    variances: Array


@dataclass(frozen=True)
class Process:
    """What is common to all draws.

    Attributes:
        errors: what was measured.
        prior: what was believed before.
    """

    errors: Errors
    prior: Prior

    @property
    def count(self) -> int:
        """Of measurements."""
        return len(self.errors.values)

    def log_likelihood(self, shapes: Shapes, kinds: Kinds) -> Array:
        """Logarithm of the marginal likelihood of each draw, with coefficients that must be positive positive."""
        fit = Fit.of(self.problem(shapes, kinds))
        likelihood: Array = fit.log_evidence + fit.log_positive
        return likelihood

    def kinds(self, shapes: Shapes, kinds: Kinds) -> Array:
        """How likely each kind is for each measurement, all others being what they are.

        Logarithms ``[draws, measurements, kinds]``: the share of a kind, and the density of the error that is left out
        of the fit against that of a usual training.
        """
        fit = Fit.of(self.problem(shapes, kinds))
        has = kinds[..., None].astype(np.intp)
        own = self._luck(shapes)[..., None] * NOISE + LOSS_VARIANCE
        others = fit.left_out_sd[..., None] ** 2 - np.take_along_axis(own, has, axis=2)
        variance = np.maximum(others, _JITTER) + own
        lacks = (fit.left_out * fit.left_out_sd + LOSS[kinds])[..., None]
        density = -0.5 * ((lacks - LOSS) ** 2 / variance + np.log(variance))
        # A score above what is expected has lost nothing, however surprising it is.
        density = np.where((lacks < 0) & (LOSS > 0), -np.inf, density)
        likelihood: Array = np.log(SHARE) + density - density[..., :1]
        return likelihood

    def given(self, shapes: Shapes, kinds: Kinds) -> "Conditioned":
        """Conditioned on the errors, in each draw."""
        return Conditioned(self, shapes, Fit.of(self.problem(shapes, kinds)))

    def problem(self, shapes: Shapes, kinds: Kinds) -> Problem:
        """The regression of each draw."""
        errors, inputs = self.errors, self.errors.inputs
        mean, sd = self.prior.coefficients(shapes)
        own = residual(inputs, inputs, shapes)
        own += shapes.teacher_sd[:, None, None] ** 2 * errors.same_teacher
        noise = self._luck(shapes) * NOISE[kinds] + LOSS_VARIANCE[kinds]
        gaps = errors.values - errors.values.min(initial=1.0)
        noise += (shapes.misfit[:, None] * gaps) ** 2 + errors.variances + _JITTER
        own += noise[:, :, None] * np.eye(len(errors.values))
        return Problem(bases(inputs, shapes), mean, sd, own, errors.values - LOSS[kinds])

    def _luck(self, shapes: Shapes) -> Array:
        """Variance of a usual training's luck, by draw and measurement."""
        luck: Array = (shapes.noise_sd[:, None] * self.errors.stretch) ** 2
        return luck


@dataclass(frozen=True)
class Conditioned:
    """A process that knows its errors, in some draws of the shapes."""

    process: Process
    shapes: Shapes
    fit: Fit

    def pick(self, index: NDArray[np.intp]) -> "Conditioned":
        """Some of the draws."""
        return Conditioned(self.process, self.shapes.pick(index), self.fit.pick(index))

    def kernel(self, one: Inputs, two: Inputs) -> Array:
        """Covariance before anything was measured ``[draws, one, two]``, seeds and teachers left out."""
        _, sd = self.process.prior.coefficients(self.shapes)
        left = bases(one, self.shapes) * sd[:, None, :]
        right = bases(two, self.shapes) * sd[:, None, :]
        kernel: Array = left @ np.swapaxes(right, 1, 2) + residual(one, two, self.shapes)
        return kernel

    def solved(self, inputs: Inputs) -> tuple[Array, Array]:
        """``L^-1 k`` of each draw ``[draws, measurements, points]``, and the means ``[draws, points]``."""
        mean, _ = self.process.prior.coefficients(self.shapes)
        start = np.einsum("dpc,dc->dp", bases(inputs, self.shapes), mean)
        measured = self.process.errors
        if not len(measured.values):
            return np.zeros((len(mean), 0, len(start[0]))), start
        solved = self.fit.whiten(self.kernel(measured.inputs, inputs))
        return solved, start + np.einsum("dnp,dn->dp", solved, self.fit.white)

    def mean(self, inputs: Inputs) -> Array:
        """Expected errors of points, over all draws."""
        _, means = self.solved(inputs)
        mean: Array = means.mean(axis=0)
        return mean

    def mean_and_variance(self, inputs: Inputs) -> tuple[Array, Array]:
        """Expected errors of points and their variances, over all draws."""
        solved, means = self.solved(inputs)
        shapes = self.shapes
        _, sd = self.process.prior.coefficients(shapes)
        linear = ((bases(inputs, shapes) * sd[:, None, :]) ** 2).sum(axis=2)
        own = variance(inputs, shapes)
        mean: Array = means.mean(axis=0)
        inside = linear + own - (solved**2).sum(axis=1)
        return mean, (inside + (means - mean) ** 2).mean(axis=0)

    def within(self, first: Inputs, second: Inputs) -> Array:
        """Covariance of points ``[first, second]`` that a draw leaves, averaged over draws."""
        solved_one, _ = self.solved(first)
        solved_two, _ = self.solved(second)
        left = self.kernel(first, second) - np.swapaxes(solved_one, 1, 2) @ solved_two
        averaged: Array = left.mean(axis=0)
        return averaged

    def samples(self, inputs: Inputs, count: int, random: np.random.Generator) -> Array:
        """Draws of the expected errors ``[count, points]``, jointly."""
        solved, means = self.solved(inputs)
        chosen = random.integers(len(means), size=count)
        drawn = np.empty((count, means.shape[1]))
        for draw in np.unique(chosen):
            before = self.pick(np.array([draw])).kernel(inputs, inputs)[0]
            inside = before - solved[draw].T @ solved[draw] + _JITTER * np.eye(means.shape[1])
            values, vectors = np.linalg.eigh(inside)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            here = chosen == draw
            drawn[here] = means[draw] + random.normal(size=(here.sum(), means.shape[1])) @ root.T
        return drawn
