"""What a stage runs as on a cluster, and what that holds while it runs.

| work | runs as | because |
|---|---|---|
| a teacher's fine-tuning | a worker group, all at once or not at all | it needs many GPUs |
| pseudo-labelling | a pool of actors over shards, as many as there is room for | a teacher is loaded once per actor |
| everything else | a task | a worker group costs seconds to start |

`raydoa.on_ray.runner` carries it out, and `raydoa.simulation` reckons with it: one place decides for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from raydoa.experiment.config import RuntimeConfig
from raydoa.labels import SOURCES
from raydoa.pipeline.stages import (
    ChooseSparsity,
    Evaluate,
    FineTune,
    PseudoLabel,
)
from raydoa.store.key import Stage


@dataclass(frozen=True)
class WorkerGroup:
    """``workers`` that begin together, each with ``gpus``."""

    stage: FineTune
    workers: int
    gpus: int


@dataclass(frozen=True)
class ActorPool:
    """``shards`` of one labeller, for ``least`` to ``most`` actors with ``gpus`` each."""

    shards: tuple[PseudoLabel, ...]
    least: int
    most: int
    gpus: int


@dataclass(frozen=True)
class Tasks:
    """``stages`` side by side, each on ``gpus``: whole ones, or a part of one that it shares."""

    stages: tuple[Stage, ...]
    gpus: Fraction


Placement: TypeAlias = WorkerGroup | ActorPool | Tasks


def placed(stages: Sequence[Stage], runtime: RuntimeConfig) -> list[Placement]:
    """How ``stages``, all of one kind, are made: one placement after the other.

    Args:
        stages: what is to be made.
        runtime: workers and devices.
    """
    first = stages[0]
    if isinstance(first, PseudoLabel):
        shards = [stage for stage in stages if isinstance(stage, PseudoLabel)]
        labellers = dict.fromkeys(shard.labeller for shard in shards)
        groups = [tuple(s for s in shards if s.labeller == labeller) for labeller in labellers]
        least, most = runtime.label_actors
        return [
            ActorPool(
                group,
                least,
                min(most, max(least, len(group))),
                gpus_of_labeller(group[0], runtime),
            )
            for group in groups
        ]
    if isinstance(first, FineTune) and first.teaches:
        tuned = [stage for stage in stages if isinstance(stage, FineTune)]
        return [
            WorkerGroup(stage, runtime.train_workers, runtime.gpus_per_worker) for stage in tuned
        ]
    gpus = max(_gpus(stage, runtime) for stage in stages)
    return [Tasks(tuple(stages), gpus)]


def gpus_of_labeller(shard: PseudoLabel, runtime: RuntimeConfig) -> int:
    """GPUs of each actor that labels a shard; a source that asks people or an endpoint needs none."""
    return runtime.gpus_per_label_actor if SOURCES.get(shard.source.name).needs_gpu else 0


def _gpus(stage: Stage, runtime: RuntimeConfig) -> Fraction:
    """GPUs of a task: a student's share of one, and more where a teacher writes; reading rows needs none."""
    if not runtime.gpus_per_worker or stage.role == "data":
        return Fraction(0)
    scored = (
        isinstance(stage, Evaluate)
        and isinstance(stage.trained, FineTune)
        and stage.trained.teaches
    )
    if scored or isinstance(stage, ChooseSparsity):
        return Fraction(max(1, runtime.gpus_per_label_actor))
    return Fraction(1, runtime.students_per_gpu)
