"""What a measurement is worth: the expected gain of the plan that is recommended after it.

The knowledge gradient (Frazier, Powell and Dayanik 2009, doi 10.1287/ijoc.1080.0314) of a bundle of candidates: with
their outcomes known, other plans are expected to score more or less, and the gain is E[max over plans] - max over plans
of the expectation. What is believed is no normal distribution, since a teacher either works on so many labels or does
not: outcomes weigh the draws of the laws' shapes anew by their likelihood, and move the plans within each. So few draws
seem to tell by chance that any outcome speaks of any plan. Therefore one half of them chooses the plan that is
recommended after an outcome, and the other half says what it is worth: what only seems to be a gain is none then (the
optimizer's curse, Smith and Winkler 2006, doi 10.1287/mnsc.1050.0451).

Students of one teacher share its luck, so a bundle on one teacher tells less than as many teachers would, and costs
less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain

import numpy as np
from scipy.special import ndtri, softmax

from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate
from raydoa.search.surrogate.joint import Joint
from raydoa.search.surrogate.laws import Array
from raydoa.search.surrogate.surface import Surface

_OUTCOMES = 64
# Bundles whose gains are worked out together: more of them leave the processor's cache.
_AT_ONCE = 32
_JITTER = 1e-9
_HALVES = (slice(0, None, 2), slice(1, None, 2))

Bundle = Sequence[Candidate]
"""What is measured together."""


@dataclass(frozen=True)
class Gains:
    """Expected gains over one or more sets of plans: one budget's, or those of a whole frontier.

    Attributes:
        surface: the fit.
        plans: for each budget, the plans that may come to be recommended.
        points: all points that candidates have.
        known_teachers: how often the teacher of an artifact was measured already; its luck is known in part.
        pending: what is being measured. It will be known, so what it tells is no gain any more.
    """

    surface: Surface
    plans: tuple[tuple[Point, ...], ...]
    points: tuple[Point, ...]
    known_teachers: dict[tuple[object, ...], int]
    pending: tuple[Candidate, ...] = ()

    @cached_property
    def _measurable(self) -> dict[Point, int]:
        """Where each point that is or may be measured is in `_joint`."""
        points = dict.fromkeys([*self.points, *(one.point for one in self.pending)])
        return {point: position for position, point in enumerate(points)}

    @cached_property
    def _joint(self) -> Joint:
        """What is believed of what may be measured, and behind it of all plans, once what is pending is known."""
        joint = self.surface.joint(list(self._measurable), list(chain(*self.plans)))
        if not self.pending:
            return joint
        known = np.array([self._measurable[one.point] for one in self.pending])
        return joint.once_known(known, self._luck(self.pending))

    @cached_property
    def _noise(self) -> dict[Point, float]:
        points = list(self._measurable)
        return dict(zip(points, self.surface.noise_of(points).tolist(), strict=True))

    def of(self, bundles: Sequence[Bundle]) -> Array:
        """Expected gain in score of each bundle, averaged over the budgets; all of one size at once."""
        found = np.zeros(len(bundles))
        sizes = np.array([len(bundle) for bundle in bundles])
        for size in np.unique(sizes):
            where = np.flatnonzero(sizes == size)
            for some in np.array_split(where, math.ceil(len(where) / _AT_ONCE)):
                found[some] = self._alike([bundles[one] for one in some])
        return found

    def _alike(self, bundles: Sequence[Bundle]) -> Array:
        """The same of bundles of one size."""
        joint = self._joint
        where = np.array([[self._measurable[one.point] for one in bundle] for bundle in bundles])
        own = joint.within[where[:, :, None], where[:, None, :]]
        own = own + np.stack([self._luck(bundle) for bundle in bundles])
        own += _JITTER * np.eye(where.shape[1])
        expected = np.moveaxis(joint.means[:, where], 0, 1)
        outcomes = _outcomes(expected, own)
        smooth = own + _scott(expected) ** 2 * _covariance(expected)
        weights = [_weights(outcomes, expected[:, half], smooth) for half in _HALVES]
        surprise = [
            outcomes - by @ expected[:, half] for half, by in zip(_HALVES, weights, strict=True)
        ]
        gains = np.zeros(len(bundles))
        behind = len(self._measurable)
        for plans in self.plans:
            means = joint.means[:, behind : behind + len(plans)]
            with_plans = joint.within[behind : behind + len(plans)][:, where]
            told = np.linalg.solve(own, np.moveaxis(with_plans, 0, 2))
            first, second = (
                by @ means[half] + off @ told
                for half, by, off in zip(_HALVES, weights, surprise, strict=True)
            )
            now = int(means.mean(axis=0).argmax())
            gains += (_chosen(first, second, now) + _chosen(second, first, now)) / 2
            behind += len(plans)
        return np.asarray(np.maximum(gains / len(self.plans), 0.0))

    def _luck(self, bundle: Bundle) -> Array:
        """Covariance of what is no property of the points: seeds and teachers."""
        noise, luck = self.surface.noise_variance, self.surface.teacher_variance
        found = np.diag([self._noise[candidate.point] for candidate in bundle])
        for row, one in enumerate(bundle):
            for column, other in enumerate(bundle):
                if one.artifact is not None and one.artifact == other.artifact:
                    known = self.known_teachers.get(one.artifact, 0)
                    found[row, column] += luck * noise / (noise + known * luck)
        return found


def _outcomes(expected: Array, own: Array) -> Array:
    """What may come out ``[bundles, outcomes, size]``: of draws in turn, with what none of them knows."""
    draws, size = expected.shape[1:]
    luck = _normals(size)
    of = np.linspace(0, draws - 1, len(luck)).astype(np.intp)
    outcomes: Array = expected[:, of] + luck @ np.swapaxes(np.linalg.cholesky(own), 1, 2)
    return outcomes


def _weights(outcomes: Array, expected: Array, covariance: Array) -> Array:
    """How much each draw counts after each outcome ``[bundles, outcomes, draws]``; they sum to 1."""
    root = np.linalg.cholesky(covariance)
    drawn = np.linalg.solve(root, np.swapaxes(expected, 1, 2))
    found = np.swapaxes(np.linalg.solve(root, np.swapaxes(outcomes, 1, 2)), 1, 2)
    likelihood = found @ drawn - 0.5 * (drawn**2).sum(axis=1)[:, None, :]
    weights: Array = softmax(likelihood, axis=2)
    return weights


def _scott(expected: Array) -> float:
    """How wide the draws' expectations are smeared, in their own deviations (Scott 1992, "Multivariate Density
    Estimation"). Without it an outcome that has hardly any luck in it would leave one draw of them all."""
    draws, size = expected.shape[1:]
    return float((draws / 2) ** (-1 / (size + 4)))


def _covariance(expected: Array) -> Array:
    """Covariances between draws ``[bundles, size, size]``."""
    centred = expected - expected.mean(axis=1, keepdims=True)
    covariance: Array = np.swapaxes(centred, 1, 2) @ centred / expected.shape[1]
    return covariance


def _chosen(chooses: Array, tells: Array, now: int) -> Array:
    """How much more than the plan recommended ``now`` those are worth that are best by ``chooses`` after each outcome.

    Both are expectations ``[bundles, outcomes, plans]``; what the gain is, ``tells`` says, averaged over outcomes.
    """
    best = chooses.argmax(axis=2)[:, :, None]
    gain = np.take_along_axis(tells, best, axis=2)[:, :, 0] - tells[:, :, now]
    return np.asarray(gain.mean(axis=1))


@cache
def _normals(dimensions: int) -> Array:
    """Evenly spread standard normal values ``[outcomes, dimensions]``, symmetric about 0, so that they add no gain.

    Points of the additive recurrence of the generalised golden ratio (Roberts 2018, "The unreasonable effectiveness
    of quasirandom sequences").
    """
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1, dimensions + 1)
    uniform = (0.5 + np.arange(1, _OUTCOMES // 2 + 1)[:, None] * steps) % 1
    half: Array = ndtri(uniform)
    return np.concatenate([half, -half])
