"""Whether what other data sets have taught predicts one that was not measured: each of them is left out in its turn.

A prior that was learnt from all others predicts the scores of the one that is left out: before anything of it is
measured, where its intervals are held against those of somebody who knows nothing but that a score lies between chance
and 1 (all of that or the middle 80% of it, whichever does better); and once two plans of it are, where they are held
against those of wide guesses. Only if a prior is clearly better, on average over data sets and by more than luck
explains, is it used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from raydoa.planning.interval_score import OUTSIDE, interval_score
from raydoa.planning.other_tasks import OtherTask
from raydoa.search import priors
from raydoa.search.surrogate.laws import Prior
from raydoa.search.surrogate.posterior import Effort
from raydoa.search.surrogate.surface import Measured, Surface

_LEAST = 4
"""Data sets of which nothing could be shown with fewer."""
_CLEARLY = 0.05
"""By which share of a score another one is lower if it is worth speaking of."""
_DRAWS = 2000
_EFFORT = Effort(draws=400, kept=40, moves=20)


@dataclass(frozen=True)
class LeftOut:
    """Mean interval scores of data sets that were left out, the lower the better; none where there are too few.

    Attributes:
        count: data sets.
        cold: with the prior of all others, before anything was measured.
        anything: with anything above chance.
        warm: with that prior and two measurements.
        guesses: with wide guesses and the same two.
    """

    count: int = 0
    cold: tuple[float, ...] = ()
    anything: tuple[float, ...] = ()
    warm: tuple[float, ...] = ()
    guesses: tuple[float, ...] = ()

    @property
    def helps(self) -> bool:
        """Whether the prior was shown to predict better once something is measured."""
        return _clearly_better(self.warm, self.guesses)

    @property
    def predicts(self) -> bool:
        """Whether it was shown to predict before as well."""
        return self.helps and _clearly_better(self.cold, self.anything)

    def __str__(self) -> str:
        """What was shown, in a line."""
        if not self.cold:
            sets = "data set is" if self.count == 1 else "data sets are"
            return f"{self.count} other {sets} too few to show that they predict one ({_LEAST} at least)"
        cold, anything, warm, guesses = map(
            fmean, (self.cold, self.anything, self.warm, self.guesses)
        )
        return (
            f"left out one at a time, {self.count} other data sets are predicted with an interval score of {cold:.3f} by the "
            f"others (anything above chance: {anything:.3f}), and with two measurements of {warm:.3f} (without the others: "
            f"{guesses:.3f})"
        )


def _clearly_better(scores: Sequence[float], than: Sequence[float]) -> bool:
    """Whether scores are lower on average, by more than their standard error and by enough to speak of."""
    gains = [two - one for one, two in zip(scores, than, strict=True)]
    if len(gains) < _LEAST:
        return False
    return fmean(gains) > max(stdev(gains) / math.sqrt(len(gains)), _CLEARLY * fmean(than))


def leave_out(others: Sequence[OtherTask], learnt: priors.Learnt) -> LeftOut:
    """Predict each data set by all others.

    Args:
        others: the data sets; those of one name are left out together.
        learnt: what each of them has taught, in the same order.
    """
    names = list(dict.fromkeys(other.question.task for other in others))
    if len(names) < _LEAST:
        return LeftOut(len(names))
    scores: list[list[float]] = []
    for name in names:
        kept = [at for at, other in enumerate(others) if other.question.task != name]
        prior = learnt.pick(kept).prior("all others")
        left = [_scores(other, prior) for other in others if other.question.task == name]
        scores.append(np.mean(left, axis=0).tolist())
    cold, whole, middle, warm, guesses = zip(*scores, strict=True)
    return LeftOut(len(names), cold, min(whole, middle, key=fmean), warm, guesses)


def _scores(other: OtherTask, prior: Prior) -> tuple[float, float, float, float, float]:
    """Cold, with all above chance and its middle, warm, and with guesses."""
    first, rest = _two_and_rest(other)
    return (
        _of_fit(other, (), other.measured, prior),
        _of_anything(other, 0.0),
        _of_anything(other, OUTSIDE / 2),
        _of_fit(other, first, rest, prior),
        _of_fit(other, first, rest, Prior()),
    )


def _two_and_rest(other: OtherTask) -> tuple[Sequence[Measured], Sequence[Measured]]:
    """Two measurements from different places of the order, and the rest."""
    measured = other.measured
    two = {len(measured) // 4, (3 * len(measured)) // 4}
    first = [one for at, one in enumerate(measured) if at in two]
    return first, [one for at, one in enumerate(measured) if at not in two] or measured


def _of_fit(
    other: OtherTask, known: Sequence[Measured], unknown: Sequence[Measured], prior: Prior
) -> float:
    plans = [measured.plan for measured in unknown]
    surface = Surface(known, other.question, effort=_EFFORT, prior=prior)
    luck = np.sqrt([surface.luck_variance(plan) for plan in plans])
    drawn = surface.samples(plans, _DRAWS)
    drawn += luck * np.random.default_rng(0).normal(size=drawn.shape)
    low, high = np.quantile(np.clip(drawn, 0.0, 1.0), [OUTSIDE / 2, 1 - OUTSIDE / 2], axis=0)
    scores = np.array([measured.score for measured in unknown])
    return float(interval_score(low, high, scores).mean())


def _of_anything(other: OtherTask, margin: float) -> float:
    """With what lies between chance and 1, less a margin on both sides, as a share of it."""
    least = other.question.constant_score
    scores = np.array([measured.score for measured in other.measured])
    apart = margin * (1 - least)
    low, high = np.full_like(scores, least + apart), np.full_like(scores, 1 - apart)
    return float(interval_score(low, high, scores).mean())
