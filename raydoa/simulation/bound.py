"""How fast no schedule can be: the longest chain of stages, and the work shared evenly."""

from collections.abc import Iterable
from dataclasses import dataclass

from raydoa.experiment.placement import Placer, WorkerGroup
from raydoa.pipeline.beginnings import Checkpoint
from raydoa.simulation.durations import GpuSeconds
from raydoa.store.key import Stage, closure


@dataclass(frozen=True)
class Bound:
    """Two reasons why a sweep takes its time.

    Attributes:
        critical_path_seconds: the longest chain of stages, each on as many GPUs as it can use.
        gpu_seconds: all stages together.
    """

    critical_path_seconds: float
    gpu_seconds: float

    def seconds(self, gpus: int) -> float:
        """The least time on that many GPUs."""
        return max(self.critical_path_seconds, self.gpu_seconds / gpus)


def bound(ends: Iterable[Stage], placer: Placer, lasting: GpuSeconds) -> Bound:
    """The bound of all that ``ends``, the last stages of a sweep's cells, need. Starting takes no time here."""
    finished: dict[str, float] = {}
    gpu_seconds = 0.0
    for stage in closure(ends):
        if isinstance(stage, Checkpoint):
            continue
        [placement] = placer.placed([stage])
        workers = placement.workers if isinstance(placement, WorkerGroup) else 1
        at_once = workers * placement.gpus
        work = lasting(stage)
        before = max((finished.get(s.key, 0.0) for s in stage.inputs()), default=0.0)
        finished[stage.key] = before + work / max(1, at_once)
        gpu_seconds += work * min(1, at_once)
    return Bound(max(finished.values(), default=0.0), gpu_seconds)
