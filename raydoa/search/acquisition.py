"""What a measurement is worth: the expected gain of the plan that is recommended after it.

The knowledge gradient (Frazier, Powell and Dayanik 2009, doi 10.1287/ijoc.1080.0314) of a bundle of candidates: with
their outcomes jointly normal, the plans' expected scores move along ``weights @ z`` for a standard normal z, and the
gain is E[max over plans] - max over plans of the expectation. Students of one teacher share its luck, so a bundle on
one teacher tells less than as many teachers would, and costs less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.special import ndtri

from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate
from raydoa.search.laws import Array
from raydoa.search.surface import Surface

_DRAWS = 64
# Bundles whose gains are worked out together: more of them leave the processor's cache.
_AT_ONCE = 32

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
    def _means(self) -> list[Array]:
        return [self.surface.lawful(plans) for plans in self.plans]

    @cached_property
    def _noise(self) -> dict[Point, float]:
        points = list(dict.fromkeys([*self.points, *(one.point for one in self.pending)]))
        return dict(zip(points, self.surface.noise_of(points).tolist(), strict=True))

    @cached_property
    def _with_plans(self) -> list[Array]:
        return [self._when_known(plans, self.points) for plans in self.plans]

    @cached_property
    def _of_points(self) -> Array:
        return self._when_known(self.points, self.points)

    def _when_known(self, first: Sequence[Point], second: Sequence[Point]) -> Array:
        """Covariance that is left once what is pending has come out."""
        covariance = self.surface.covariance(first, second)
        if not self.pending:
            return covariance
        coming = [candidate.point for candidate in self.pending]
        outcomes = self.surface.covariance(coming, coming) + self._luck(self.pending)
        outcomes += 1e-9 * np.eye(len(coming))
        told = np.linalg.solve(outcomes, self.surface.covariance(coming, second))
        return np.asarray(covariance - self.surface.covariance(first, coming) @ told)

    @cached_property
    def _position(self) -> dict[Point, int]:
        return {point: position for position, point in enumerate(self.points)}

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
        where = np.array([[self._position[one.point] for one in bundle] for bundle in bundles])
        size = where.shape[1]
        outcomes = self._of_points[where[:, :, None], where[:, None, :]]
        outcomes = outcomes + np.stack([self._luck(bundle) for bundle in bundles])
        root = np.linalg.cholesky(outcomes + 1e-9 * np.eye(size))
        draws = _normals(size)
        gains = np.zeros(len(bundles))
        for mean, with_plans in zip(self._means, self._with_plans, strict=True):
            weights = np.linalg.solve(root, np.moveaxis(with_plans[:, where], 0, 2))
            after = mean[:, None] + np.swapaxes(weights, 1, 2) @ draws.T
            gains += after.max(axis=1).mean(axis=1) - mean.max()
        return np.asarray(gains / len(self._means))

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


@cache
def _normals(dimensions: int) -> Array:
    """Evenly spread standard normal draws ``[draws, dimensions]``, symmetric about 0, so that they add no gain.

    Points of the additive recurrence of the generalised golden ratio (Roberts 2018, "The unreasonable effectiveness
    of quasirandom sequences").
    """
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1, dimensions + 1)
    uniform = (0.5 + np.arange(1, _DRAWS // 2 + 1)[:, None] * steps) % 1
    half: Array = ndtri(uniform)
    return np.concatenate([half, -half])
