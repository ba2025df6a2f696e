"""Gaussian process regression with a linear mean whose coefficients have a prior, for many draws of the rest at once.

The equations are those of Rasmussen and Williams, "Gaussian Processes for Machine Learning": chapter 2.7 for explicit
basis functions, 5.12 for leaving one out.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.laws import POSITIVE
from raydoa.search.surrogate.special import log_ndtr


@dataclass(frozen=True)
class Problem:
    """What is to be fitted.

    Attributes:
        basis: ``[draws, observations, coefficients]``.
        mean: of the coefficients' prior ``[draws, coefficients]``.
        sd: standard deviations of the same.
        own: covariance of what is no coefficient ``[draws, observations, observations]``, noise included.
        errors: ``[draws, observations]``.
    """

    basis: Array
    mean: Array
    sd: Array
    own: Array
    errors: Array


@dataclass(frozen=True)
class Fit:
    """What follows, of each draw; what is not asked for is not worked out.

    Attributes:
        problem: what was fitted.
        factor: the Cholesky factor L of the observations' covariance.
    """

    problem: Problem
    factor: Array

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Condition every draw on the errors.

        Raises:
            numpy.linalg.LinAlgError: a covariance is not positive definite, whatever was added to its diagonal.
        """
        scaled = problem.basis * problem.sd[:, None, :]
        covariance = scaled @ np.swapaxes(scaled, 1, 2) + problem.own
        # A power of labels or rows far from their reference may be huge, and rounding with it.
        largest = np.diagonal(covariance, axis1=1, axis2=2).max(axis=1, initial=0.0)
        covariance += 1e-9 * largest[:, None, None] * np.eye(problem.errors.shape[1])
        return cls(problem, np.asarray(np.linalg.cholesky(covariance)))

    def pick(self, index: NDArray[np.intp]) -> "Fit":
        """Some of the draws."""
        problem = Problem(*(values[index] for values in vars(self.problem).values()))
        return Fit(problem, self.factor[index])

    @cached_property
    def _whitened(self) -> Array:
        """``L^-1`` of the coefficients' scaled bases, and of the errors above the prior mean as the last column."""
        problem = self.problem
        scaled = problem.basis * problem.sd[:, None, :]
        off = problem.errors - np.einsum("dnc,dc->dn", problem.basis, problem.mean)
        whitened: Array = np.linalg.solve(
            self.factor, np.concatenate([scaled, off[..., None]], axis=2)
        )
        return whitened

    @property
    def white(self) -> Array:
        """``L^-1 (errors - prior mean)``."""
        return np.asarray(self._whitened[..., -1])

    @cached_property
    def _inverse(self) -> Array:
        """``L^-1``."""
        return np.asarray(np.linalg.inv(self.factor))

    @property
    def log_evidence(self) -> Array:
        """Logarithm of the marginal likelihood."""
        count = self.problem.errors.shape[1]
        determinant = np.log(np.diagonal(self.factor, axis1=1, axis2=2)).sum(axis=1)
        half = -0.5 * (self.white**2).sum(axis=1) - determinant
        return np.asarray(half - 0.5 * count * np.log(2 * np.pi))

    @property
    def log_positive(self) -> Array:
        """How much likelier it has become that coefficients are positive that must be."""
        mean, sd = self.problem.mean, self.problem.sd
        after = log_ndtr(self.coefficients / np.sqrt(self.coefficient_variances))
        before = log_ndtr(mean / sd)
        log_ratio: Array = (after - before)[:, POSITIVE].sum(axis=1)
        return log_ratio

    @cached_property
    def coefficients(self) -> Array:
        """Means a posteriori."""
        pulled = np.einsum("dnc,dn->dc", self._whitened[..., :-1], self.white)
        return np.asarray(self.problem.mean + self.problem.sd * pulled)

    @cached_property
    def coefficient_variances(self) -> Array:
        """Variances a posteriori."""
        share = np.maximum(1 - (self._whitened[..., :-1] ** 2).sum(axis=1), 1e-9)
        return np.asarray(self.problem.sd**2 * share)

    @cached_property
    def left_out_sd(self) -> Array:
        """Standard deviation of each error as all others predict it: equation 5.12 of the book."""
        return np.asarray(1 / np.sqrt((self._inverse**2).sum(axis=1)))

    @property
    def left_out(self) -> Array:
        """Each error against that prediction, in those standard deviations."""
        pulled = np.einsum("dji,dj->di", self._inverse, self.white)
        return np.asarray(pulled * self.left_out_sd)

    def whiten(self, cross: Array) -> Array:
        """``L^-1 k``; there are many columns, and the factor's inverse is kept for them."""
        return self._inverse @ cross
