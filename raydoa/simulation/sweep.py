"""A whole sweep in simulated time: trials begin as Tune begins them, and each walks its stages with the real builder.

Tune takes plans in the order of `raydoa.experiment.schedule` and keeps `RuntimeConfig.trials_of_a_sweep` of them going; a trial
holds no GPU, so all that it does while others have theirs is wait. What comes out is when each trial's row is there, and what the
GPUs did meanwhile.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.placement import Placer
from raydoa.experiment.schedule import SeedTurns, schedule
from raydoa.experiment.study import Study
from raydoa.pipeline.builder import Builder
from raydoa.simulation.bound import Bound, bound
from raydoa.simulation.clock import Clock, Event
from raydoa.simulation.durations import GpuSeconds, Startup, durations
from raydoa.simulation.gpus import GpuPool
from raydoa.simulation.runner import SimulatedLocks, SimulatedRunner
from raydoa.simulation.store import KeysOnly
from raydoa.store.key import Stage


@dataclass(frozen=True)
class Simulated:
    """How a sweep went.

    Attributes:
        gpus: of the cluster.
        makespan_seconds: from the first trial to the last row.
        bound: what no schedule can beat.
        held: GPU-seconds by the kind of stage that held them; "starting" before work began.
        operations: of the store, all trials together.
        lock_requests: of all trials.
        ended: when each trial did, in seconds, in the order of the trials.
    """

    gpus: int
    makespan_seconds: float
    bound: Bound
    held: Mapping[str, float]
    operations: Mapping[str, int]
    lock_requests: int
    ended: tuple[float, ...]

    @property
    def trials(self) -> int:
        """How many were measured."""
        return len(self.ended)

    @property
    def efficiency(self) -> float:
        """The bound over the makespan: 1 is a schedule that nothing can beat."""
        if not self.makespan_seconds:
            return 1.0
        return self.bound.seconds(self.gpus) / self.makespan_seconds

    @property
    def idle_gpu_seconds(self) -> float:
        """What nobody held."""
        return self.gpus * self.makespan_seconds - sum(self.held.values())


def simulate_sweep(
    study: Study, runtime: RuntimeConfig, expected: Forecast, startup: Startup | None = None
) -> Simulated:
    """Simulate the sweep of a forecast on ``runtime.cluster_gpus`` GPUs."""
    order = schedule(expected, runtime)
    trials = [study.graph(plan).evaluations for plan in order.plans]
    return simulate(
        trials,
        Placer.of(study, runtime),
        durations(study, expected.stages),
        startup or Startup(),
        seeds=[plan.seed for plan in order.plans],
        turns=order.turns(),
    )


def simulate(
    trials: Sequence[Sequence[Stage]],
    placer: Placer,
    lasting: GpuSeconds,
    startup: Startup,
    *,
    gang_scheduling: bool = True,
    seeds: Sequence[int] = (),
    turns: SeedTurns | None = None,
) -> Simulated:
    """Simulate trials in their order, each given by its last stages.

    Args:
        trials: evaluations of each.
        placer: says what stages run as.
        lasting: how long they take.
        startup: what starting takes.
        gang_scheduling: whether tasks wait outside while a worker group waits (see `GpuPool`).
        seeds: of the trials; all have the same unless given.
        turns: which seeds wait for which; none does unless given.
    """
    clock, runtime = Clock(), placer.runtime
    store = KeysOnly(clock, startup.store)
    gpus = GpuPool(clock, runtime.cluster_gpus, gang_scheduling=gang_scheduling)
    locks = SimulatedLocks(clock)
    runner = SimulatedRunner(clock, gpus, store, placer, lasting, startup)
    waiting = deque(enumerate(trials))
    seeds, turns = seeds or [0] * len(trials), turns or SeedTurns(math.inf)
    their_turn: list[Event] = []
    ended = [0.0] * len(trials)
    driver_is_free = 0.0

    def slot() -> None:
        """One of Tune's places for a trial: as soon as one has ended, the next begins whose turn it is."""
        nonlocal driver_is_free
        while waiting:
            number, evaluations = waiting[0]
            if not turns.may_begin(seeds[number]):
                their_turn.append(clock.event())
                their_turn[-1].wait()
                continue
            waiting.popleft()
            turns.begins(seeds[number])
            driver_is_free = max(driver_is_free, clock.now) + startup.trial
            clock.sleep(driver_is_free - clock.now)
            builder = Builder(store, runner, locks)
            for evaluation in reversed(evaluations):
                builder.build(evaluation)
            ended[number] = clock.now
            turns.ends(seeds[number])
            while their_turn:
                their_turn.pop(0).set()

    for _ in range(min(runtime.trials_of_a_sweep, len(trials))):
        clock.start(slot)
    makespan = clock.run()
    return Simulated(
        gpus.total,
        makespan,
        bound([end for trial in trials for end in trial], placer, lasting),
        dict(gpus.held),
        dict(store.operations),
        locks.requests,
        tuple(ended),
    )
