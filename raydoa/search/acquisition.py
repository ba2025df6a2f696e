"""What a measurement is worth: the expected gain of the plan that is recommended after it.

The knowledge gradient (Frazier, Powell and Dayanik 2009, doi 10.1287/ijoc.1080.0314) of a candidate: with its outcome
known, other plans are expected to score more or less, and the gain is E[max over plans] - max over plans of the
expectation. What is believed is no normal distribution, since a teacher either works on so many labels or does not:
outcomes weigh the draws of the laws' shapes anew by their likelihood, and move the plans within each. So few draws seem
to tell by chance that any outcome speaks of any plan. Therefore one half of them chooses the plan that is recommended
after an outcome, and the other half says what it is worth: what only seems to be a gain is none then (the optimizer's
curse, Smith and Winkler 2006, doi 10.1287/mnsc.1050.0451).
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, softmax

from raydoa.costs.items.teacher import teacher_of
from raydoa.costs.plan import Plan
from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.joint import Joint
from raydoa.search.surrogate.surface import Surface

_OUTCOMES = 64
# Candidates whose gains are worked out together: more of them leave the processor's cache.
_AT_ONCE = 32
_JITTER = 1e-9
_HALVES = (slice(0, None, 2), slice(1, None, 2))


@dataclass(frozen=True)
class Gains:
    """Expected gains over one or more sets of plans: one budget's, or those of a whole frontier.

    Attributes:
        surface: the fit.
        plans: for each budget, the plans that may come to be recommended.
        candidates: what may be measured.
        measured_teachers: how often each teacher was measured already; its luck is known in part.
        pending: what is being measured. It will be known, so what it tells is no gain any more.
    """

    surface: Surface
    plans: tuple[tuple[Plan, ...], ...]
    candidates: tuple[Plan, ...]
    measured_teachers: Mapping[Hashable, int]
    pending: tuple[Plan, ...] = ()

    @cached_property
    def _position(self) -> dict[Plan, int]:
        """Where each plan that is or may be measured is in `_joint`."""
        plans = dict.fromkeys([*self.candidates, *self.pending])
        return {plan: position for position, plan in enumerate(plans)}

    @cached_property
    def _joint(self) -> Joint:
        """What is believed of what may be measured, and behind it of all plans, once what is pending is known."""
        joint = self.surface.joint(list(self._position), list(chain(*self.plans)))
        if not self.pending:
            return joint
        pending = np.array([self._position[plan] for plan in self.pending])
        return joint.once_known(pending, self._luck(self.pending))

    @cached_property
    def _noise(self) -> dict[Plan, float]:
        plans = list(self._position)
        return dict(zip(plans, self.surface.noise_of(plans).tolist(), strict=True))

    def of(self, candidates: Sequence[Plan]) -> Array:
        """Expected gain in score of measuring each candidate, averaged over the budgets."""
        gains = np.zeros(len(candidates))
        for some in np.array_split(np.arange(len(gains)), math.ceil(len(gains) / _AT_ONCE) or 1):
            gains[some] = self._of_some([candidates[index] for index in some])
        return gains

    def _of_some(self, candidates: Sequence[Plan]) -> Array:
        joint = self._joint
        where = np.array([self._position[plan] for plan in candidates], dtype=np.intp)
        luck = np.array([self._own_luck(plan) for plan in candidates])
        own = joint.within[where, where] + luck + _JITTER
        expected = joint.means[:, where].T
        outcomes = _outcomes(expected, own)
        smooth = own + _scott(expected) ** 2 * expected.var(axis=1)
        weights = [_weights(outcomes, expected[:, half], smooth) for half in _HALVES]
        surprise = [
            outcomes - (by @ expected[:, half, None])[..., 0]
            for half, by in zip(_HALVES, weights, strict=True)
        ]
        gains = np.zeros(len(candidates))
        behind = len(self._position)
        for plans in self.plans:
            means = joint.means[:, behind : behind + len(plans)]
            with_plans = joint.within[behind : behind + len(plans)][:, where]
            moves = (with_plans / own).T[:, None, :]
            first, second = (
                by @ means[half] + off[..., None] * moves
                for half, by, off in zip(_HALVES, weights, surprise, strict=True)
            )
            now = int(means.mean(axis=0).argmax())
            gains += (_chosen(first, second, now) + _chosen(second, first, now)) / 2
            behind += len(plans)
        return np.asarray(np.maximum(gains / len(self.plans), 0.0))

    def _own_luck(self, plan: Plan) -> float:
        """Variance of what is no property of a plan: its seed's and its teacher's luck."""
        return self._noise[plan] + self._teacher_luck(teacher_of(plan))

    def _teacher_luck(self, teacher: Hashable | None) -> float:
        """What is not known yet of a teacher's luck."""
        if teacher is None:
            return 0.0
        noise, luck = self.surface.noise_variance, self.surface.teacher_variance
        return luck * noise / (noise + self.measured_teachers.get(teacher, 0) * luck)

    def _luck(self, plans: Sequence[Plan]) -> Array:
        """Covariance of the same: students of one teacher share its luck."""
        teachers = [teacher_of(plan) for plan in plans]
        covariance = np.diag([self._noise[plan] for plan in plans])
        for row, teacher in enumerate(teachers):
            for column, other in enumerate(teachers):
                if teacher == other:
                    covariance[row, column] += self._teacher_luck(teacher)
        return covariance


def _outcomes(expected: Array, own: Array) -> Array:
    """What may come out ``[candidates, outcomes]``: of draws in turn, with what none of them knows."""
    luck = _normals()
    of = np.linspace(0, expected.shape[1] - 1, len(luck)).astype(np.intp)
    outcomes: Array = expected[:, of] + luck * np.sqrt(own)[:, None]
    return outcomes


def _weights(outcomes: Array, expected: Array, variance: Array) -> Array:
    """How much each draw counts after each outcome ``[candidates, outcomes, draws]``; they sum to 1."""
    deviation = np.sqrt(variance)[:, None]
    drawn, observed = expected / deviation, outcomes / deviation
    likelihood = observed[:, :, None] * drawn[:, None, :] - 0.5 * (drawn**2)[:, None, :]
    weights: Array = softmax(likelihood, axis=2)
    return weights


def _scott(expected: Array) -> float:
    """How wide the draws' expectations are smeared, in their own deviations (Scott 1992, "Multivariate Density
    Estimation"). Without it an outcome that has hardly any luck in it would leave one draw of them all."""
    return float((expected.shape[1] / 2) ** -0.2)


def _chosen(chooses: Array, tells: Array, now: int) -> Array:
    """How much more than the plan recommended ``now`` those are worth that are best by ``chooses`` after each outcome.

    Both are expectations ``[candidates, outcomes, plans]``; what the gain is, ``tells`` says, averaged over outcomes.
    """
    best = chooses.argmax(axis=2)[:, :, None]
    gain = np.take_along_axis(tells, best, axis=2)[:, :, 0] - tells[:, :, now]
    return np.asarray(gain.mean(axis=1))


@cache
def _normals() -> NDArray[np.float64]:
    """Evenly spread standard normal values, symmetric about 0, so that they add no gain.

    Points of the additive recurrence of the golden ratio (Roberts 2018, "The unreasonable effectiveness of quasirandom
    sequences").
    """
    golden = (1 + math.sqrt(5)) / 2
    half: Array = ndtri((0.5 + np.arange(1, _OUTCOMES // 2 + 1) / golden) % 1)
    return np.concatenate([half, -half])
