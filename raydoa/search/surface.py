"""The score as a function of an allocation, with how sure that is.

One Gaussian process over all budgets, averaged over draws of the laws' shapes: in each, the mean is linear in the law's
coefficients, whose normal prior goes into the kernel; beside them stand a smooth residual (Matérn 5/2 in logarithms of
the quantities), an effect that all students of one teacher share, and noise. An observation that a fit
finds incredible gets more noise of its own, and one that is far too low may come from a training that went wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from raydoa.search.chance import Chance
from raydoa.search.costs import Costs, Point
from raydoa.search.kernel import residual, same_teacher
from raydoa.search.laws import COEFFICIENTS, SHAPES, Array, Inputs, Laws, Prior, Shapes, bases
from raydoa.search.posterior import Effort, Posterior
from raydoa.search.regression import Fit, Problem

# In score squared: a tenth of a point, under which no noise is told from none.
_JITTER = 1e-6
_OUTLIER_FREEDOM = 4.0
# Now and then a training goes wrong: how often that is, and what its score then lacks.
_WRONG = 0.03
_LOSS, _LOSS_SD = 0.1, 0.06
# An expected loss above which the shapes are drawn anew.
_WORTH_MENTION = 0.005
# What a plan that is not known well counts less when one is recommended, in standard deviations.
_CAUTION = 0.5
# No law is the truth: on the development tasks of benchmarks/search_cost.py, 80% intervals held 70% without this.
_DOUBT = 1.25


@dataclass(frozen=True)
class Measured:
    """A finished measurement. ``teacher`` tells one fine-tuning from another; None for `annotate`."""

    point: Point
    score: float
    teacher: tuple[object, ...] | None = None


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
        posterior = Posterior(self._prior, self._laws, effort or Effort())
        self._inputs = Inputs.of([m.point for m in measured], costs)
        errors = 1 - np.array([m.score for m in measured], dtype=float)
        self._chance = Chance.below(errors)
        self._errors = self._chance.latent(errors)
        self._stretch, self._hidden = self._chance.doubt(errors)
        self._gaps = self._errors - self._errors.min(initial=1.0)
        self._same_teacher = same_teacher([m.teacher for m in measured])
        self._extra_noise = np.ones(len(measured))
        self._lost, self._loss_variance = np.zeros((2, len(measured)))
        random = np.random.default_rng(seed)
        self._shapes = self._drawn(posterior, random)
        if len(measured) > 2:
            self._extra_noise, self._lost, self._loss_variance = self._incredible()
            if np.any(self._extra_noise > 1) or np.any(self._lost > _WORTH_MENTION):
                self._shapes = self._drawn(posterior, random)
        self._fit = Fit.of(self._problem(self._shapes))
        self._expected: dict[Point, tuple[float, float]] = {}

    def mean_and_sd(self, points: Sequence[Point]) -> tuple[Array, Array]:
        """Expected score of each point and the standard deviation of that expectation; a seed's luck is not in it."""
        # A search asks for the same thousands of plans several times at each step.
        new = [point for point in points if point not in self._expected]
        if new:
            mean, sd = self._latent(new)
            score, slope = 1 - self._chance.seen(mean), self._chance.slope(mean)
            found = zip(score.tolist(), (slope * sd).tolist(), strict=True)
            self._expected.update(zip(new, found, strict=True))
        both = np.array([self._expected[point] for point in points]).reshape(len(points), 2)
        return both[:, 0], both[:, 1]

    def best_of(self, plans: Sequence[Point]) -> Point:
        """The plan to recommend: of two that are expected to score the same, the one that is known better."""
        mean, sd = self.mean_and_sd(plans)
        return plans[int(np.argmax(mean - _CAUTION * sd))]

    def lawful(self, points: Sequence[Point]) -> Array:
        """What the laws expect of each point, though no score shows it below chance.

        A point near chance may turn out far better and hardly worse: here that is a plain deviation.
        """
        return 1 - self._latent(points)[0]

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

    def noise_of(self, points: Sequence[Point]) -> Array:
        """Variance of the luck in which a measurement of each point hides what `lawful` expects of it.

        Near chance a score tells hardly anything; of a point that may turn out to be above it, more.
        """
        mean, sd = self._latent(points)
        stretch, hidden = self._chance.doubt(self._chance.seen(mean - sd))
        return np.asarray(self.noise_variance * stretch**2 + hidden**2)

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

    def _drawn(self, posterior: Posterior, random: np.random.Generator) -> Shapes:
        return posterior.draws(random, self._evidence if len(self._errors) else None)

    def _evidence(self, shapes: Shapes) -> Array:
        """Logarithm of the marginal likelihood of each draw, with coefficients that must be positive positive."""
        fit = Fit.of(self._problem(shapes))
        found: Array = fit.log_evidence + fit.log_positive
        return found

    def _problem(self, shapes: Shapes) -> Problem:
        basis = self._basis(self._inputs, shapes)
        mean, sd = self._prior.coefficients(shapes)
        own = residual(self._inputs, self._inputs, shapes)
        own += shapes.teacher_sd[:, None, None] ** 2 * self._same_teacher
        noise = (shapes.noise_sd[:, None] * self._stretch) ** 2 * self._extra_noise
        noise += self._hidden**2 + self._loss_variance + _JITTER
        noise += (shapes.misfit[:, None] * self._gaps) ** 2
        own += noise[:, :, None] * np.eye(len(self._errors))
        return Problem(basis, mean, sd, own, self._errors - self._lost)

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
        kernel: Array = left @ np.swapaxes(right, 1, 2) + residual(one, two, shapes)
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

    def _latent(self, points: Sequence[Point]) -> tuple[Array, Array]:
        """Expected error of each point, above chance or not, and its standard deviation over all draws."""
        inputs = Inputs.of(points, self._costs)
        solved, means = self._solved(inputs)
        _, sd = self._prior.coefficients(self._shapes)
        linear = ((self._basis(inputs, self._shapes) * sd[:, None, :]) ** 2).sum(axis=2)
        own = (self._shapes.residual * self._shapes.scale)[:, None] ** 2
        own = own + self._shapes.model_sd[:, None] ** 2
        mean: Array = means.mean(axis=0)
        inside = linear + own - (solved**2).sum(axis=1)
        variance = (inside + (means - mean) ** 2).mean(axis=0)
        return mean, _DOUBT * np.sqrt(np.maximum(variance, 0.0))

    def _incredible(self) -> tuple[Array, Array, Array]:
        """By observation: a factor of its noise, above 1 where leaving it out predicts it badly; and what its training
        has lost if it went wrong, as an expectation and a variance.
        """
        fit = Fit.of(self._problem(self._shapes))
        surprise = (fit.left_out**2).mean(axis=0)
        credible = (_OUTLIER_FREEDOM + surprise) / (_OUTLIER_FREEDOM + 6.0)
        wrong = _went_wrong(fit)
        lost = wrong * (1 - wrong) * _LOSS**2 + wrong * _LOSS_SD**2
        return np.maximum(1.0, credible) ** 2, wrong * _LOSS, lost


def _went_wrong(fit: Fit) -> Array:
    """How much likelier than usual it is that each training went wrong, by what all others expect of it.

    Only scores that are too low can tell: noise is no normal distribution, and the far side of it is luck.
    """
    usual, gone = fit.left_out_sd, np.hypot(fit.left_out_sd, _LOSS_SD)
    off = fit.left_out * usual
    odds = logit(_WRONG) + np.log(usual / gone)
    odds = odds + 0.5 * (off / usual) ** 2 - 0.5 * ((off - _LOSS) / gone) ** 2
    wrong = np.where(off > 0, expit(odds), 0.0).mean(axis=0)
    return np.asarray(np.maximum(0.0, wrong - _WRONG))
