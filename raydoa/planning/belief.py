"""What is believed about scores: a surface over all that was measured, on a prior that says where it comes from.

Prices are no part of it, so one fit answers for every what-if. Scores of plans are kept once they were asked for.
"""

import math
from collections.abc import Sequence
from statistics import variance

import numpy as np

from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.planning.evidence import Evidence, scores_by_plan
from raydoa.planning.measurements import data_of
from raydoa.planning.pilots import PilotedScores
from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.posterior import Effort
from raydoa.search.surrogate.surface import Surface

_DRAWS = 4000
_STRETCHED = 0.1
"""Standard deviation of a score for each factor e beyond what was measured: a caution, chosen on the held-out ends of
the embedded sweep. The laws' own doubt holds none of those with more labels (benchmarks/extrapolation.py)."""
_LEAST_TO_RANK = 4
"""Plans that must have been measured: with fewer, P(best) is no better than a uniform guess (benchmarks/plan_claims.py)."""
_EFFORT = Effort(draws=400, kept=40, moves=20)
"""Less than a search takes: a plan is asked for by someone who waits."""


class Belief:
    """Expected scores, and the score that one training gets.

    Args:
        evidence: what was measured.
        question: its references are used (N, the teachers' sizes, the recipes), and none of its prices.
        seed: of all draws.
    """

    def __init__(self, evidence: Evidence, question: Question, seed: int = 0) -> None:
        self.evidence = evidence
        self.prior = evidence.knowledge.prior
        self._surface = Surface(
            evidence.measured, question, effort=_EFFORT, seed=seed, prior=self.prior
        )
        self._piloted = PilotedScores(evidence.pilots, evidence.measured, question)
        self._seed = seed
        self._means: dict[Plan, float] = {}
        self._spread = {
            plan: variance(scores) for plan, scores in scores_by_plan(evidence.measured).items()
            if len(scores) > 1
        }  # fmt: skip

    @property
    def ranks(self) -> bool:
        """Whether so much is known that the probability of being the best was shown to beat a uniform guess."""
        known = {measured.plan for measured in self.evidence.measured}
        return len(known) >= _LEAST_TO_RANK or self.evidence.left_out.predicts

    def means(self, plans: Sequence[Plan]) -> Array:
        """Expected score of each plan, from 0 to 1."""
        asked = dict.fromkeys(plans)
        beside = {plan: c for plan in asked if (c := self._piloted.companions(plan)) is not None}
        others = [other for c in beside.values() for other in (c.without, c.like, c.endless)]
        new = [plan for plan in dict.fromkeys([*asked, *others]) if plan not in self._means]
        if new:
            means = np.clip(self._surface.expected(new), 0.0, 1.0)
            self._means |= dict(zip(new, means.tolist(), strict=True))
        known = self._means | {
            plan: self._piloted.expected(plan, companions, self._means)
            for plan, companions in beside.items()
        }
        return np.array([known[plan] for plan in plans])

    def best(self, plans: Sequence[Plan]) -> float:
        """The highest expected score among plans."""
        return float(self.means(plans).max())

    def expected(self, plans: Sequence[Plan], count: int) -> Array:
        """Joint draws of the expected scores ``[count, plans]``; plans that are stretched alike are wrong alike."""
        companions = [self._piloted.companions(plan) for plan in plans]
        beside = [other for c in companions if c for other in (c.without, c.like, c.endless)]
        drawn = self._surface.samples([*plans, *beside], count, self._seed)
        found, of_others = drawn[:, : len(plans)], iter(drawn[:, len(plans) :].T)
        for place, plan in enumerate(plans):
            if companions[place] is not None:
                without, like, endless = (next(of_others) for _ in range(3))
                lacks, seed = endless - like, self._seed + 3
                found[:, place] = self._piloted.draws(plan, lacks, without, seed)
        beyond = self._beyond(plans)
        wrong = np.random.default_rng(self._seed + 2).normal(size=(count, beyond.shape[1]))
        expected: Array = np.clip(found + _STRETCHED * wrong @ beyond.T, 0.0, 1.0)
        return expected

    def measured_like(self, plan: Plan) -> list[Plan]:
        """The measured plans with choices of the same kinds: a teacher, say, whichever it is."""
        kinds = _kinds(plan)
        return [m.plan for m in self.evidence.measured if _kinds(m.plan) == kinds]

    def _beyond(self, plans: Sequence[Plan]) -> Array:
        """How far outside of what was measured, in logarithms: a column of each kind of plan and each cost item."""
        columns: dict[tuple[tuple[str, ...], str], Array] = {}
        for row, plan in enumerate(plans):
            alike = [data_of(measured) for measured in self.measured_like(plan)]
            for item, count in data_of(plan).items():
                # Where nothing is alike the prior's own doubt is wide.
                most = max((data[item] for data in alike), default=0)
                if most and count > most:
                    column = columns.setdefault((_kinds(plan), item), np.zeros(len(plans)))
                    column[row] = math.log(count / most)
        return np.stack(list(columns.values()), axis=1) if columns else np.zeros((len(plans), 0))

    def interval(self, plan: Plan) -> tuple[float, float]:
        """Between these, 80% of single trainings of a plan score."""
        expected = self.expected([plan], _DRAWS)[:, 0]
        random = np.random.default_rng(self._seed + 1)
        scores = expected + random.normal(size=_DRAWS) * np.sqrt(self._luck(plan))
        low, high = np.quantile(np.clip(scores, 0.0, 1.0), [0.1, 0.9])
        return float(low), float(high)

    def _luck(self, plan: Plan) -> float:
        """Variance of the seed and of the teacher; not less than repeats of plans have shown."""
        fitted = self._surface.luck_variance(plan)
        seen = float(np.mean(list(self._spread.values()))) if self._spread else 0.0
        return max(fitted, seen, self._spread.get(plan, 0.0))


def _kinds(plan: Plan) -> tuple[str, ...]:
    return tuple(name for name, _ in plan.choices)
