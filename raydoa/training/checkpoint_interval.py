"""When a training keeps its place: as often as it pays, from what saving costs in this very run.

Saving costs time, and so does computing again what an interruption took. The interval that loses least is known
(`best_interval`); the two numbers that it needs are the cost of a save, which the run measures, and the rate of
interruptions, which is configuration. Nobody asks the clock at every step: workers that train together must decide
alike, so they meet, about once a second, at steps on which they have agreed before.
"""

import math
import time
from collections.abc import Callable

LEAST_SECONDS = 10.0
MOST_SECONDS = 1800.0
SECONDS_BETWEEN_LOOKS = 1.0

_FIRST_SAVE_SECONDS = 1.0
"""What a save is taken to cost until one has been measured."""


def best_interval(save_seconds: float, seconds_between_interruptions: float) -> float:
    """Seconds of training between two checkpoints for which the time lost is least.

    With d the seconds of a save and M the mean seconds between interruptions of the whole group,

        T = sqrt(2 d M) (1 + sqrt(d / 2M) / 3 + (d / 2M) / 9) - d    for d < 2M, else M

    (Daly 2006, doi 10.1016/j.future.2004.11.016). The first factor alone is Young's (1974, doi 10.1145/361147.361115),
    which balances two losses: d / T of the time goes into saving, and an interruption takes T / 2 on the average, so
    T / 2M is computed again. Around the best T the sum is flat: twice or half of it costs a quarter more, so a rate
    that is wrong by four hardly matters.
    """
    if save_seconds >= 2 * seconds_between_interruptions:
        return seconds_between_interruptions
    half = save_seconds / (2 * seconds_between_interruptions)
    young = math.sqrt(2 * save_seconds * seconds_between_interruptions)
    return young * (1 + math.sqrt(half) / 3 + half / 9) - save_seconds


class Rhythm:
    """When workers that train together look at the clock, and when they save.

    All of them hold one and ask it at the same steps; whatever it decides follows from numbers that are the same on
    all.

    Args:
        every_steps: save after so many steps; None: as often as it pays.
        interruptions_per_hour: of the whole group: one of any machine stops all.
        agreed: the largest of all workers' numbers; each calls it at the same step.
    """

    def __init__(
        self,
        every_steps: int | None,
        interruptions_per_hour: float,
        agreed: Callable[[float], float],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._every_steps = every_steps
        self._seconds_between = 3600.0 / interruptions_per_hour
        self._agreed = agreed
        self._clock = clock
        self._since: tuple[int, float] | None = None
        self._next_look = 0
        self.interval = self._bounded(_FIRST_SAVE_SECONDS)

    def begin(self, steps_done: int) -> None:
        """The training starts, or goes on, from here."""
        self._since = (steps_done, self._clock())
        self._next_look = steps_done + 1

    def looks(self, steps_done: int) -> bool:
        """Whether the workers meet after this step."""
        return steps_done >= self._next_look or self._by_count(steps_done)

    def due(self, steps_done: int) -> bool:
        """Whether to save after this step; asked at every step that `looks`."""
        assert self._since is not None, "begin first"
        steps, began = self._since
        taken = self._agreed(self._clock() - began)
        a_step = max(taken / (steps_done - steps), 1e-9)
        left = self.interval - taken
        due = self._by_count(steps_done) if self._every_steps else left < a_step / 2
        ahead = min(SECONDS_BETWEEN_LOOKS, left) if left > 0 else SECONDS_BETWEEN_LOOKS
        self._next_look = steps_done + max(1, round(ahead / a_step))
        return due

    def saved(self, steps_done: int, seconds: float) -> None:
        """A save after ``steps_done`` took this worker so many ``seconds``: the next is due by what it cost."""
        self.interval = self._bounded(self._agreed(seconds))
        self._since = (steps_done, self._clock())

    def _by_count(self, steps_done: int) -> bool:
        return self._every_steps is not None and steps_done % self._every_steps == 0

    def _bounded(self, save_seconds: float) -> float:
        best = best_interval(save_seconds, self._seconds_between)
        # Where a save takes minutes, one every half hour would be most of what is paid for.
        most = max(MOST_SECONDS, 10 * save_seconds)
        return min(max(best, LEAST_SECONDS), most)
