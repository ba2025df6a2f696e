"""The score as a function of a plan, with how sure that is.

One Gaussian process over all budgets (`process`), averaged over draws of the laws' shapes (`posterior`). Scores of
models that have learnt nothing tell little (`chance`), and now and then a training goes wrong (`training_kinds`).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.search.surrogate.chance import Chance
from raydoa.search.surrogate.inputs import Array, Inputs
from raydoa.search.surrogate.joint import Joint
from raydoa.search.surrogate.kernel import same_teacher
from raydoa.search.surrogate.laws import COEFFICIENTS, SHAPES, Prior
from raydoa.search.surrogate.monotone import MoreLabels
from raydoa.search.surrogate.posterior import Effort, Population, Posterior
from raydoa.search.surrogate.process import Conditioned, Errors, Process

# What a plan that is not known well counts less when one is recommended, in standard deviations.
_CAUTION = 0.5
# No law is the truth: on 21 development tasks of benchmarks/search_cost.py, 80% intervals held 77% without this, and
# hold 85% with it.
_DOUBT = 1.25
# Draws whose residuals are averaged; that takes as long as the square of the points.
_FEW = 64


@dataclass(frozen=True)
class Measured:
    """A finished measurement. ``teacher`` tells one fine-tuning from another; None where there is none."""

    plan: Plan
    score: float
    teacher: Hashable | None = None


class Surface:
    """A fit.

    Args:
        measured: what is known of the task, of any budget.
        question: of it N, the teachers' sizes and the recipes' steps are used, and no price.
        effort: how much computing it may take.
        seed: of the draws.
        prior: what is believed before; wide guesses, unless given.
        before: a fit to the first of the measurements, of the same question and prior, to go on from its draws.
    """

    def __init__(
        self,
        measured: Sequence[Measured],
        question: Question,
        effort: Effort | None = None,
        seed: int = 0,
        prior: Prior | None = None,
        before: "Surface | None" = None,
    ) -> None:
        self._measured = measured
        self._question = question
        self._prior = prior or Prior()
        errors = 1 - np.array([m.score for m in measured], dtype=float)
        self._chance = Chance.below(errors, question.constant_score)
        posterior = Posterior(self._prior, effort or Effort())
        process = self._process()
        # With another chance level the same errors say something else.
        draws = before._population if before and before._chance == self._chance else None
        self._population: Population = posterior.draws(
            np.random.default_rng(seed), process if measured else None, draws
        )
        self._all: Conditioned = process.given(
            posterior.shapes(self._population), self._population.kinds
        )
        self._expected: dict[Plan, tuple[float, float]] = {}

    def expected(self, plans: Sequence[Plan]) -> Array:
        """Expected score of each plan; more labels never lower it, and a constant answer never scores more."""
        return self._scores(self._more_labels(Inputs.of(plans, self._question)))

    def mean_and_sd(self, plans: Sequence[Plan]) -> tuple[Array, Array]:
        """Expected score of each plan and the standard deviation of that expectation; a seed's luck is not in it.

        Quicker than `expected`, for thousands of plans: here what laws leave may bend a score downwards with labels. The
        best of many plans is the same, since what bends down is not the best.
        """
        # A search asks for the same thousands of plans several times at each step.
        new = [plan for plan in plans if plan not in self._expected]
        if new:
            mean, sd = self._latent(new)
            score, slope = self._scores(mean), self._chance.slope(mean)
            expected = zip(score.tolist(), (slope * sd).tolist(), strict=True)
            self._expected.update(zip(new, expected, strict=True))
        both = np.array([self._expected[plan] for plan in plans]).reshape(len(plans), 2)
        return both[:, 0], both[:, 1]

    def best_of(self, plans: Sequence[Plan]) -> Plan:
        """The plan to recommend: of two that are expected to score the same, the one that is known better."""
        mean, sd = self.mean_and_sd(plans)
        return plans[int(np.argmax(mean - _CAUTION * sd))]

    def joint(self, measurable: Sequence[Plan], others: Sequence[Plan]) -> Joint:
        """What the laws expect of plans together, though no score shows it below chance.

        A plan near chance may turn out far better and hardly worse: here that is a plain deviation.
        """
        inputs = Inputs.of([*measurable, *others], self._question)
        _, errors = self._all.solved(inputs)
        middle = errors.mean(axis=0)
        within = self._few.within(inputs, Inputs.of(measurable, self._question))
        return Joint(1 - middle - _DOUBT * (errors - middle), _DOUBT**2 * within)

    def noise_of(self, plans: Sequence[Plan]) -> Array:
        """Variance of the luck in which a measurement of each plan hides what `joint` expects of it.

        Near chance a score tells hardly anything; of a plan that may turn out to be above it, more.
        """
        mean, sd = self._latent(plans)
        stretch, hidden = self._chance.doubt(self._chance.seen(mean - sd))
        return np.asarray(self.noise_variance * stretch**2 + hidden**2)

    @property
    def noise_variance(self) -> float:
        """Of one student's seed."""
        return float((self._all.shapes.noise_sd**2).mean())

    @property
    def teacher_variance(self) -> float:
        """Of one fine-tuning, shared by its students."""
        return float((self._all.shapes.teacher_sd**2).mean())

    def luck_variance(self, plan: Plan) -> float:
        """Of a single training of a plan: its seed's, and its teacher's if there is one."""
        taught = plan.choice("teacher") is not None
        return self.noise_variance + taught * self.teacher_variance

    def of_trainings(self, plans: Sequence[Plan]) -> tuple[Array, Array]:
        """Expected scores of single trainings of plans, and their standard deviations, luck included."""
        _, sd = self.mean_and_sd(plans)
        return self.expected(plans), np.sqrt(sd**2 + [self.luck_variance(plan) for plan in plans])

    @property
    def onset_probability(self) -> float:
        """How much of the belief is with laws that have an onset."""
        return float(self._all.shapes.onset_law.mean())

    def beliefs(self) -> tuple[Array, Array, Array]:
        """Shapes in the spreads of `SHAPES`, coefficients in shares of the scale, and their variances, each by draw.

        What another task may take as a prior.
        """
        drawn, fit = self._all.shapes, self._all.fit
        named = np.stack([getattr(drawn, name) for name in SHAPES], axis=1)
        medians, spreads = np.array(list(SHAPES.values())).T
        scale = np.repeat(drawn.scale[:, None], len(COEFFICIENTS), axis=1)
        scale[:, 0] = 1.0
        shapes: Array = np.log(named / medians) / spreads
        return shapes, fit.coefficients / scale, fit.coefficient_variances / scale**2

    def samples(self, plans: Sequence[Plan], count: int, seed: int = 0) -> Array:
        """Draws of the expected scores ``[count, plans]``, jointly."""
        inputs = Inputs.of(plans, self._question)
        drawn = self._all.samples(inputs, count, np.random.default_rng(seed))
        middle = self._latent(plans)[0]
        return self._scores(middle + _DOUBT * (drawn - middle))

    @cached_property
    def _more_labels(self) -> MoreLabels:
        return MoreLabels(self._all.mean, self._all.process.errors.inputs.labels)

    def _scores(self, latent: Array) -> Array:
        """The scores that show of latent errors."""
        return np.maximum(1 - self._chance.seen(latent), self._question.constant_score)

    @cached_property
    def _few(self) -> Conditioned:
        count = len(self._all.shapes.scale)
        return self._all.pick(np.linspace(0, count - 1, min(_FEW, count)).astype(np.intp))

    def _process(self) -> Process:
        """The process that has the measurements."""
        measured, chance = self._measured, self._chance
        errors = 1 - np.array([m.score for m in measured], dtype=float)
        stretch, hidden = chance.doubt(errors)
        observed = Errors(
            Inputs.of([m.plan for m in measured], self._question),
            chance.latent(errors),
            same_teacher([m.teacher for m in measured]),
            stretch,
            hidden**2,
        )
        return Process(observed, self._prior)

    def _latent(self, plans: Sequence[Plan]) -> tuple[Array, Array]:
        """Expected error of each plan, above chance or not, and its standard deviation over all draws."""
        mean, variance = self._all.mean_and_variance(Inputs.of(plans, self._question))
        return mean, _DOUBT * np.sqrt(np.maximum(variance, 0.0))
