"""What is believed about scores: a surface over all that was measured, on a prior that says where it comes from.

Prices are no part of it, so one fit answers for every what-if. Scores of plans are kept once they were asked for.
"""

import math
from collections.abc import Sequence
from statistics import variance

import numpy as np

from raydoa.planning.evidence import Evidence, by_point
from raydoa.search.costs import Costs, Point
from raydoa.search.surrogate.laws import Array
from raydoa.search.surrogate.posterior import Effort
from raydoa.search.surrogate.surface import Surface

_DRAWS = 4000
_STRETCHED = 0.1
"""Standard deviation of a score for each factor e beyond what was measured: a caution, chosen on the held-out ends of
the embedded sweep. The laws' own doubt holds none of those with more labels (benchmarks/extrapolation.py)."""
_EFFORT = Effort(draws=400, kept=40, moves=20)
"""Less than a search takes: a plan is asked for by someone who waits."""


class Belief:
    """Expected scores, and the score that one training gets.

    Args:
        evidence: what was measured.
        costs: the task's references: N, the teachers' sizes, the recipes' steps.
        seed: of all draws.
    """

    def __init__(self, evidence: Evidence, costs: Costs, seed: int = 0) -> None:
        self.evidence = evidence
        self.prior = evidence.knowledge.prior
        self._surface = Surface(
            evidence.measured, costs, effort=_EFFORT, seed=seed, prior=self.prior
        )
        self._seed = seed
        self._means: dict[Point, float] = {}
        self._spread = {
            point: variance(scores) for point, scores in by_point(evidence.measured).items()
            if len(scores) > 1
        }  # fmt: skip

    def means(self, points: Sequence[Point]) -> Array:
        """Expected score of each plan, from 0 to 1."""
        new = [point for point in dict.fromkeys(points) if point not in self._means]
        if new:
            found = np.clip(self._surface.mean_and_sd(new)[0], 0.0, 1.0)
            self._means |= dict(zip(new, found.tolist(), strict=True))
        return np.array([self._means[point] for point in points])

    def best(self, points: Sequence[Point]) -> float:
        """The highest expected score among plans."""
        return float(self.means(points).max())

    def expected(self, points: Sequence[Point], count: int) -> Array:
        """Joint draws of the expected scores ``[count, points]``; plans that are stretched alike are wrong alike."""
        drawn = self._surface.samples(points, count, self._seed)
        beyond = np.array([self._beyond(point) for point in points])
        wrong = np.random.default_rng(self._seed + 2).normal(size=(count, beyond.shape[1]))
        expected: Array = np.clip(drawn + _STRETCHED * wrong @ beyond.T, 0.0, 1.0)
        return expected

    def _beyond(self, point: Point) -> tuple[float, float, float]:
        """How far outside of what was measured, in logarithms: labels without and with a teacher, and the pool."""
        taught = bool(point.teacher)
        alike = [m.point for m in self.evidence.measured if bool(m.point.teacher) == taught]
        if not alike:
            return 0.0, 0.0, 0.0  # The prior's own doubt is wide.
        labels = max(0.0, math.log(point.labels / max(p.labels for p in alike)))
        if not taught:
            return labels, 0.0, 0.0
        return 0.0, labels, max(0.0, math.log(point.u / max(p.u for p in alike)))

    def interval(self, point: Point) -> tuple[float, float]:
        """Between these, 80% of single trainings of a plan score."""
        expected = self.expected([point], _DRAWS)[:, 0]
        random = np.random.default_rng(self._seed + 1)
        scores = expected + random.normal(size=_DRAWS) * np.sqrt(self._luck(point))
        low, high = np.quantile(np.clip(scores, 0.0, 1.0), [0.1, 0.9])
        return float(low), float(high)

    def _luck(self, point: Point) -> float:
        """Variance of the seed and of the teacher; not less than repeats of plans have shown."""
        surface = self._surface
        fitted = surface.noise_variance + (surface.teacher_variance if point.teacher else 0.0)
        seen = float(np.mean(list(self._spread.values()))) if self._spread else 0.0
        return max(fitted, seen, self._spread.get(point, 0.0))
