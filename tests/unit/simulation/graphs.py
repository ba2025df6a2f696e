"""Stages of trials whose seconds are written by hand."""

from dataclasses import dataclass

from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.placement import Placer
from raydoa.pipeline.beginnings import Checkpoint, TaskData
from raydoa.pipeline.stages import Distill, Evaluate, FineTune, PseudoLabel, TextForm
from raydoa.simulation.durations import Startup
from raydoa.simulation.sweep import Simulated, simulate
from raydoa.store.key import Stage
from raydoa.training.recipe import Recipe, Representation

_DATA = TaskData("tiny", "rows")
_FORM = TextForm("tiny: ", 16, 4)
_RECIPE = Recipe(learning_rate=1e-3, batch_size=8, epochs=1)
TEACHER, STUDENT = "large", "small"
SHARD_ROWS = 10
NO_STARTUP = Startup(0.0, 0.0, 0.0, 0.0, 0.0)
"""Work alone takes time."""
Trial = tuple[Evaluate, ...]
"""Its last stages."""


@dataclass(frozen=True)
class Takes:
    """GPU-seconds of each kind of stage; reading the rows takes none."""

    fine_tune: float = 0.0
    pseudo_label: float = 0.0
    distill: float = 0.0
    evaluate: float = 0.0

    def gpu_seconds(self, stage: Stage) -> float:
        return float(getattr(self, stage.kind, 0.0))


def tuned(model: str, steps: int = 1) -> FineTune:
    start = Checkpoint(model, model)
    return FineTune(start, _DATA, _FORM, 8, _RECIPE, steps, 0)


def evaluated(trained: FineTune | Distill) -> Evaluate:
    return Evaluate(trained, _DATA, _FORM, "accuracy", (), None)


def annotating(steps: int = 1) -> Trial:
    """A student's training and its evaluation."""
    return (evaluated(tuned(STUDENT, steps)),)


def distilling(teacher: FineTune, shards: int, steps: int = 1) -> Trial:
    """A teacher, its evaluation, shards, a student and its evaluation."""
    labelled = tuple(
        PseudoLabel(
            teacher, _DATA, _FORM, Representation(), None, i * SHARD_ROWS, (i + 1) * SHARD_ROWS, 0
        )
        for i in range(shards)
    )
    student = Distill(Checkpoint(STUDENT, STUDENT), teacher, labelled, _FORM, _RECIPE, steps, 0)
    return evaluated(student), evaluated(teacher)


def placer(runtime: RuntimeConfig) -> Placer:
    """Teachers are too large for a task."""
    return Placer(runtime, frozenset({TEACHER}))


def cluster(gpus: int, *, workers: int = 1, actors: int = 1, cells: int = 100) -> RuntimeConfig:
    return RuntimeConfig(
        cluster_gpus=gpus,
        train_workers=workers,
        gpus_per_worker=1,
        label_actors=(1, actors),
        gpus_per_label_actor=1,
        concurrent_trials=cells,
    )


def run(
    trials: list[Trial],
    runtime: RuntimeConfig,
    takes: Takes,
    startup: Startup = NO_STARTUP,
    *,
    gang_scheduling: bool = True,
) -> Simulated:
    return simulate(
        trials, placer(runtime), takes.gpu_seconds, startup, gang_scheduling=gang_scheduling
    )
