"""What a measurement is worth, where it can be worked out by hand."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.plan import Plan
from raydoa.search.acquisition import Gains
from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.joint import Joint
from raydoa.search.surrogate.surface import Surface
from tests.unit.search.tasks import plan

PLANS = tuple(plan(200 + number) for number in range(6))
PROBE = plan(10)


@dataclass(frozen=True)
class Believed:
    """What a fit tells of scores: expectations by draw, of which no draw leaves anything open."""

    means: dict[Plan, Array]
    noise_variance: float = 1e-6
    teacher_variance: float = 0.0

    def joint(self, measurable: list[Plan], others: list[Plan]) -> Joint:
        means = np.stack([self.means[plan] for plan in [*measurable, *others]], axis=1)
        return Joint(means, np.zeros((len(means[0]), len(measurable))))

    def noise_of(self, plans: list[Plan]) -> Array:
        return np.full(len(plans), self.noise_variance)

    def gain(self, plan: Plan, *pending: Plan) -> float:
        """Of measuring a plan, one of `PLANS` being recommended after it."""
        surface = cast(Surface, self)
        return float(Gains(surface, (PLANS,), (plan,), {}, pending).of([plan])[0])


def test_a_teacher_that_works_or_does_not() -> None:
    """A normal distribution of that mean and deviation would gain 0.0014: nearly two deviations are missing."""
    works = np.random.default_rng(0).random(256) < 0.1
    means = {plan: np.full(256, 0.6) for plan in PLANS}
    means[PLANS[2]] = np.where(works, 0.7, 0.4)
    means[PROBE] = np.where(works, 0.5, 0.2)
    believed = Believed(means)
    assert believed.gain(PLANS[2]) == pytest.approx(0.1 * works.mean(), rel=0.3)
    assert believed.gain(PROBE) == pytest.approx(0.1 * works.mean(), rel=0.3)


def test_an_outcome_that_speaks_of_no_plan_is_no_gain() -> None:
    """256 draws of two independent numbers are correlated by 0.06: that alone would gain 0.0005."""
    gains = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        means = {plan: random.normal(0.6, 0.02, 256) for plan in PLANS}
        gains.append(Believed({**means, PROBE: random.normal(0.3, 0.05, 256)}).gain(PROBE))
    assert np.mean(gains) < 3e-4


def test_luck_hides_what_an_outcome_would_tell() -> None:
    random = np.random.default_rng(1)
    means = {plan: random.normal(0.6, 0.02, 256) for plan in PLANS}
    clear, hidden = (Believed(means, noise).gain(PLANS[0]) for noise in (1e-6, 4e-3))
    assert hidden < 0.4 * clear


def test_what_is_pending_leaves_nothing_to_tell() -> None:
    random = np.random.default_rng(2)
    means = {plan: random.normal(0.6, 0.02, 256) for plan in PLANS}
    means[PROBE] = means[PLANS[0]]
    believed = Believed(means)
    assert believed.gain(PROBE) > 3e-3
    assert believed.gain(PROBE, PLANS[0]) < 1e-4


@given(seed=st.integers(0, 1000), known=st.integers(1, 3))
def test_what_will_be_known_leaves_the_conditional_covariance(seed: int, known: int) -> None:
    random = np.random.default_rng(seed)
    half = random.normal(size=(7, 5))
    means, within = random.normal(size=(40, 7)), half @ half.T
    joint = Joint(means, within[:, :4])
    luck = np.diag(random.uniform(0.1, 1, known))
    where = random.choice(4, known, replace=False)
    total = within + np.cov(means.T, bias=True)
    told = np.linalg.solve(total[where][:, where] + luck, total[where])
    after = joint.once_known(where, luck)
    left = after.within + np.cov(after.means.T, bias=True)[:, :4]
    np.testing.assert_allclose(left, (total - total[:, where] @ told)[:, :4], atol=1e-6)
    np.testing.assert_allclose(after.means.mean(axis=0), means.mean(axis=0))
