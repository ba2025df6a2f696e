"""The builder's runner and locks in simulated time: who makes what is decided by the code that decides it on a cluster."""

from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

from raydoa.experiment.placement import ActorPool, Placer, Tasks, WorkerGroup
from raydoa.pipeline.builder import BuildOutcome
from raydoa.pipeline.stages import PseudoLabel
from raydoa.simulation.clock import Clock, Event
from raydoa.simulation.durations import GpuSeconds, Startup
from raydoa.simulation.gpus import GpuPool
from raydoa.simulation.store import KeysOnly
from raydoa.store.key import Stage

STARTING = "starting"
"""What GPUs are held for while nothing is made yet."""


class SimulatedLocks:
    """Locks as `raydoa.pipeline.file_locks` has them: `acquire` never waits, and a wait ends with the release."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._locked: dict[str, Event] = {}
        self.requests = 0

    def acquire(self, stages: Sequence[Stage]) -> list[Stage]:
        """See `BuildLocks.acquire`."""
        self.requests += 1
        ours = [stage for stage in stages if stage.key not in self._locked]
        released = self._clock.event()
        self._locked |= {stage.key: released for stage in ours}
        return ours

    def release(self, stages: Sequence[Stage], outcome: BuildOutcome) -> None:
        """See `BuildLocks.release`."""
        for released in {self._locked.pop(stage.key) for stage in stages}:
            released.set()

    def wait(self, stage: Stage) -> BuildOutcome | None:
        """See `BuildLocks.wait`; nothing fails here."""
        released = self._locked.get(stage.key)
        if released is not None:
            released.wait()
        return None


class SimulatedRunner:
    """Takes GPUs for each placement, lets its time pass, and publishes."""

    def __init__(
        self,
        clock: Clock,
        gpus: GpuPool,
        store: KeysOnly,
        placer: Placer,
        lasting: GpuSeconds,
        startup: Startup,
    ) -> None:
        self._clock = clock
        self._gpus = gpus
        self._store = store
        self._placer = placer
        self._lasting = lasting
        self._startup = startup

    def run(self, stages: Sequence[Stage]) -> None:
        """See `Runner.run`."""
        for placement in self._placer.placed(stages):
            match placement:
                case WorkerGroup():
                    self._group(placement)
                case ActorPool():
                    self._pool(placement)
                case Tasks():
                    tasks = [partial(self._task, s, placement.gpus) for s in placement.stages]
                    self._all(tasks)

    def _group(self, group: WorkerGroup) -> None:
        held = group.workers * group.gpus
        self._gpus.take(held, group=True)
        self._gpus.use(held, self._startup.worker_group, STARTING)
        seconds = self._lasting(group.stage) / max(1, held)
        self._gpus.use(held, seconds, group.stage.kind)
        self._store.publish(group.stage)
        self._gpus.give(held)

    def _task(self, stage: Stage, gpus: Fraction) -> None:
        """One that shares its GPU is reckoned as fast as one alone; four at once ran at 0.83 (docs/scale.md)."""
        self._gpus.take(gpus)
        self._gpus.use(gpus, self._startup.task, STARTING)
        self._gpus.use(gpus, self._lasting(stage) / max(Fraction(1), gpus), stage.kind)
        self._store.publish(stage)
        self._gpus.give(gpus)

    def _pool(self, pool: ActorPool) -> None:
        """Every actor asks for its GPUs at once; one that gets them when no shard is left gives them back."""
        left = deque(pool.shards)
        self._all([partial(self._actor, left, pool.gpus)] * pool.most)

    def _actor(self, left: deque[PseudoLabel], gpus: int) -> None:
        self._gpus.take(gpus)
        if left:
            self._gpus.use(gpus, self._startup.label_actor, STARTING)
        while left:
            shard = left.popleft()
            seconds = self._lasting(shard) / max(1, gpus)
            self._gpus.use(gpus, seconds, shard.kind)
            self._store.publish(shard)
        self._gpus.give(gpus)

    def _all(self, bodies: Sequence[Callable[[], None]]) -> None:
        """Run them side by side and wait for the last."""
        if len(bodies) == 1:
            bodies[0]()
            return
        left, done = len(bodies), self._clock.event()

        def one(body: Callable[[], None]) -> None:
            nonlocal left
            body()
            left -= 1
            if left == 0:
                done.set()

        for body in bodies:
            self._clock.start(partial(one, body))
        done.wait()
