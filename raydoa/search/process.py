"""The Gaussian process: what errors of measurements are made of, and what they say of other points.

In each draw of shapes the mean is linear in the law's coefficients, whose normal prior goes into the kernel; beside
them stand a smooth residual, an effect that all students of one teacher share, and noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from raydoa.search.kernel import residual
from raydoa.search.laws import Array, Inputs, Laws, Prior, Shapes, bases
from raydoa.search.regression import Fit, Problem

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
        extra_noise: factors of that noise's variance.
        variances: what is added to it.
    """

    inputs: Inputs
    values: Array
    same_teacher: Array
    stretch: Array
    extra_noise: Array
    variances: Array


@dataclass(frozen=True)
class Process:
    """What is common to all draws.

    Attributes:
        errors: what was measured.
        prior: what was believed before.
        laws: which laws are in the mean.
    """

    errors: Errors
    prior: Prior
    laws: Laws

    def evidence(self, shapes: Shapes) -> Array:
        """Logarithm of the marginal likelihood of each draw, with coefficients that must be positive positive."""
        fit = Fit.of(self.problem(shapes))
        found: Array = fit.log_evidence + fit.log_positive
        return found

    def given(self, shapes: Shapes) -> "Conditioned":
        """Conditioned on the errors, in each draw."""
        return Conditioned(self, shapes, Fit.of(self.problem(shapes)))

    def problem(self, shapes: Shapes) -> Problem:
        """The regression of each draw."""
        errors, inputs = self.errors, self.errors.inputs
        mean, sd = self.prior.coefficients(shapes)
        own = residual(inputs, inputs, shapes)
        own += shapes.teacher_sd[:, None, None] ** 2 * errors.same_teacher
        noise = (shapes.noise_sd[:, None] * errors.stretch) ** 2 * errors.extra_noise
        gaps = errors.values - errors.values.min(initial=1.0)
        noise += (shapes.misfit[:, None] * gaps) ** 2 + errors.variances + _JITTER
        own += noise[:, :, None] * np.eye(len(errors.values))
        return Problem(self.basis(inputs, shapes), mean, sd, own, errors.values)

    def basis(self, inputs: Inputs, shapes: Shapes) -> Array:
        """What the coefficients multiply ``[draws, points, coefficients]``; without a law, a constant of each kind."""
        basis = bases(inputs, shapes)
        if not (self.laws.power or self.laws.onset):
            basis[:, :, [1, 2, 4]] = 0.0
        return basis


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
        left = self.process.basis(one, self.shapes) * sd[:, None, :]
        right = self.process.basis(two, self.shapes) * sd[:, None, :]
        kernel: Array = left @ np.swapaxes(right, 1, 2) + residual(one, two, self.shapes)
        return kernel

    def solved(self, inputs: Inputs) -> tuple[Array, Array]:
        """``L^-1 k`` of each draw ``[draws, measurements, points]``, and the means ``[draws, points]``."""
        mean, _ = self.process.prior.coefficients(self.shapes)
        start = np.einsum("dpc,dc->dp", self.process.basis(inputs, self.shapes), mean)
        measured = self.process.errors
        if not len(measured.values):
            return np.zeros((len(mean), 0, len(start[0]))), start
        solved = self.fit.whiten(self.kernel(measured.inputs, inputs))
        return solved, start + np.einsum("dnp,dn->dp", solved, self.fit.white)

    def mean_and_variance(self, inputs: Inputs) -> tuple[Array, Array]:
        """Expected errors of points and their variances, over all draws."""
        solved, means = self.solved(inputs)
        shapes = self.shapes
        _, sd = self.process.prior.coefficients(shapes)
        linear = ((self.process.basis(inputs, shapes) * sd[:, None, :]) ** 2).sum(axis=2)
        own = ((shapes.residual * shapes.scale) ** 2 + shapes.model_sd**2)[:, None]
        mean: Array = means.mean(axis=0)
        inside = linear + own - (solved**2).sum(axis=1)
        return mean, (inside + (means - mean) ** 2).mean(axis=0)

    def covariance(self, first: Inputs, second: Inputs) -> Array:
        """Covariance of the expected errors of points ``[first, second]``, over all draws."""
        solved_one, means_one = self.solved(first)
        solved_two, means_two = self.solved(second)
        inside = self.kernel(first, second) - np.swapaxes(solved_one, 1, 2) @ solved_two
        mean_one, mean_two = means_one.mean(axis=0), means_two.mean(axis=0)
        between = (means_one - mean_one).T @ (means_two - mean_two) / len(means_one)
        covariance: Array = inside.mean(axis=0) + between
        return covariance

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
