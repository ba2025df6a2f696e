"""Gaussian process regression with a linear mean whose coefficients have a prior, for many draws of the rest at once.

The equations are those of Rasmussen and Williams, "Gaussian Processes for Machine Learning": chapter 2.7 for explicit
basis functions, 5.12 for leaving one out.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import log_ndtr

from raydoa.search.laws import POSITIVE, Array


@dataclass(frozen=True)
class Problem:
    """What is to be fitted.

    Attributes:
        basis: ``[draws, observations, coefficients]``.
        mean: of the coefficients' prior ``[draws, coefficients]``.
        sd: standard deviations of the same.
        own: covariance of what is no coefficient ``[draws, observations, observations]``, noise included.
        errors: ``[observations]``.
    """

    basis: Array
    mean: Array
    sd: Array
    own: Array
    errors: Array


@dataclass(frozen=True)
class Fit:
    """What follows, of each draw.

    Attributes:
        factor: the inverse of the Cholesky factor L of the observations' covariance.
        white: ``L^-1 (errors - prior mean)``.
        log_evidence: logarithm of the marginal likelihood.
        log_positive: how much likelier it has become that coefficients are positive that must be.
        left_out: each error against the prediction of all others, in standard deviations.
        left_out_sd: those standard deviations.
        coefficients: means a posteriori.
        coefficient_variances: of the same.
    """

    factor: Array
    white: Array
    log_evidence: Array
    log_positive: Array
    left_out: Array
    left_out_sd: Array
    coefficients: Array
    coefficient_variances: Array

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Condition every draw on the errors.

        Raises:
            numpy.linalg.LinAlgError: a covariance is not positive definite, whatever was added to its diagonal.
        """
        count = len(problem.errors)
        scaled = problem.basis * problem.sd[:, None, :]
        covariance = scaled @ np.swapaxes(scaled, 1, 2) + problem.own
        # A power of labels or rows far from their reference may be huge, and rounding with it.
        largest = np.diagonal(covariance, axis1=1, axis2=2).max(axis=1, initial=0.0)
        covariance += 1e-9 * largest[:, None, None] * np.eye(count)
        factor = np.linalg.cholesky(covariance)
        inverse = np.linalg.inv(factor)
        off = problem.errors - np.einsum("dnc,dc->dn", problem.basis, problem.mean)
        white = np.einsum("dij,dj->di", inverse, off)
        determinant = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        evidence = -0.5 * (white**2).sum(axis=1) - determinant - 0.5 * count * np.log(2 * np.pi)
        # Coefficients a posteriori: mean and variance, for the part of them that is not negative.
        pulled = inverse @ scaled
        mean = problem.mean + problem.sd * np.einsum("dnc,dn->dc", pulled, white)
        share = np.maximum(1 - (pulled**2).sum(axis=1), 1e-9)
        after = log_ndtr(mean / (problem.sd * np.sqrt(share)))[:, POSITIVE].sum(axis=1)
        before = log_ndtr(problem.mean / problem.sd)[:, POSITIVE].sum(axis=1)
        # Leaving one out, in standard deviations: equation 5.12 of the same book.
        precision = np.swapaxes(inverse, 1, 2) @ inverse
        left_out = np.einsum("dji,dj->di", inverse, white)
        left_out_sd = 1 / np.sqrt(np.diagonal(precision, axis1=1, axis2=2))
        left_out = left_out * left_out_sd
        variances = problem.sd**2 * share
        positive = after - before
        return cls(inverse, white, evidence, positive, left_out, left_out_sd, mean, variances)

    def whiten(self, cross: Array) -> Array:
        """``L^-1 k``; the factor is kept inverted."""
        return self.factor @ cross
