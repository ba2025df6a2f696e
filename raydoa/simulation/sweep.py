"""A whole sweep in simulated time: trials begin as Tune begins them, and each walks its stages with the real builder.

Tune takes plans, the longest chains of stages first, and keeps `RuntimeConfig.trials_of_a_sweep` of them going; a trial holds
no GPU, so all that it does while others have theirs is wait. What comes out is when the last row is there, and what the GPUs
did meanwhile.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.placement import Placer
from raydoa.experiment.study import Study
from raydoa.pipeline.builder import Builder
from raydoa.simulation.bound import Bound, bound
from raydoa.simulation.clock import Clock
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
        trials: that were measured.
    """

    gpus: int
    makespan_seconds: float
    bound: Bound
    held: Mapping[str, float]
    operations: Mapping[str, int]
    lock_requests: int
    trials: int

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
    trials = [study.graph(plan).evaluations for plan in expected.longest_first()]
    lasting = durations(study, expected.stages)
    return simulate(trials, Placer.of(study, runtime), lasting, startup or Startup())


def simulate(
    trials: Sequence[Sequence[Stage]],
    placer: Placer,
    lasting: GpuSeconds,
    startup: Startup,
    *,
    gang_scheduling: bool = True,
) -> Simulated:
    """Simulate trials in their order, each given by its last stages.

    ``gang_scheduling``: whether tasks wait outside while a worker group waits (see `GpuPool`).
    """
    clock, runtime = Clock(), placer.runtime
    store = KeysOnly(clock, startup.store)
    gpus = GpuPool(clock, runtime.cluster_gpus, gang_scheduling=gang_scheduling)
    locks = SimulatedLocks(clock)
    runner = SimulatedRunner(clock, gpus, store, placer, lasting, startup)
    waiting = deque(trials)
    driver_is_free = 0.0

    def slot() -> None:
        """One of Tune's places for a trial: as soon as one has ended, the next begins."""
        nonlocal driver_is_free
        while waiting:
            evaluations = waiting.popleft()
            driver_is_free = max(driver_is_free, clock.now) + startup.trial
            clock.sleep(driver_is_free - clock.now)
            builder = Builder(store, runner, locks)
            for evaluation in reversed(evaluations):
                builder.build(evaluation)

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
        len(trials),
    )
