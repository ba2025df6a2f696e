"""The order in which the plans of a sweep begin, on Ray and in simulated time.

On few devices a sweep takes days, and its first seed is an answer already: there the plans of a seed begin when those of
the seed before are measured, or no longer keep all devices at work, and within a seed those with the longest chain of
stages begin first. Few is what one machine has, and a sweep without GPUs, whose trials are few. On more devices the longest
chains of all seeds begin first, since the last of them decides when the sweep is done (docs/scale.md).

An order alone does not do it: trials hold no device, there are 64 of them for one GPU, and what they ask for is made in the
order in which they ask. The next seed's teachers would be made before this seed's students.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from raydoa.costs.plan import Plan
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.forecast import Forecast

_GPUS_OF_A_MACHINE = 8


class SeedTurns:
    """Whether the next plan in the order may begin: its seed waits while plans of others keep ``devices`` at work."""

    def __init__(self, devices: float) -> None:
        self._devices = devices
        self._going: Counter[int] = Counter()

    def may_begin(self, seed: int) -> bool:
        """Whether a plan of that seed may."""
        return self._going.total() - self._going[seed] < self._devices

    def begins(self, seed: int) -> None:
        """A plan of that seed does."""
        self._going[seed] += 1

    def ends(self, seed: int) -> None:
        """One is measured, or failed."""
        self._going[seed] -= 1


@dataclass(frozen=True)
class Schedule:
    """The plans of a sweep in the order in which they begin.

    Attributes:
        plans: each once.
        devices: what must be idle for the next seed to begin; infinite where seeds do not wait for each other.
    """

    plans: Sequence[Plan]
    devices: float = math.inf

    @property
    def seeds(self) -> list[int]:
        """In the order in which their first plans begin."""
        return list(dict.fromkeys(plan.seed for plan in self.plans))

    @property
    def by_seed(self) -> bool:
        """Whether the first of several seeds is done before the others."""
        return math.isfinite(self.devices) and len(self.seeds) > 1

    def turns(self) -> SeedTurns:
        """Whose turn it is, in a run that begins now."""
        return SeedTurns(self.devices)

    def begin_together(self, left: Sequence[Plan], at_once: int) -> int:
        """How many of the plans that are left begin before any has ended."""
        turns = self.turns()
        for number, plan in enumerate(left[:at_once]):
            if not turns.may_begin(plan.seed):
                return number
            turns.begins(plan.seed)
        return len(left[:at_once])


def schedule(expected: Forecast, runtime: RuntimeConfig) -> Schedule:
    """The order of a sweep: seed by seed, as the grid has them, on few devices; else the longest chains first."""
    plans = expected.longest_first()
    gpus = runtime.cluster_gpus if runtime.gpus_per_worker else 0
    if gpus > _GPUS_OF_A_MACHINE:
        return Schedule(plans)
    turn = {seed: turn for turn, seed in enumerate(dict.fromkeys(p.seed for p in expected.trials))}
    plans.sort(key=lambda plan: turn[plan.seed])  # Stable: the longest chains stay in front.
    # Nobody says how many CPUs there are; then it is the number of trials that decides.
    return Schedule(plans, gpus * runtime.students_per_gpu or runtime.trials_of_a_sweep)
