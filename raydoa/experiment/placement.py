"""What a stage runs as on a cluster, and what that holds while it runs.

| work | runs as | because |
|---|---|---|
| a fine-tuning of more weights or in more memory than a student | a worker group, all at once or not at all | it needs many GPUs |
| pseudo-labelling | a pool of actors over shards, as many as there is room for | a teacher is loaded once per actor |
| everything else | a task | a worker group costs seconds to start |

A stage's role and its memory decide, and no model's name: a teacher that is as small as its student, as in
`self_distill`, is trained in a task.

`raydoa.on_ray.runner` carries it out, and `raydoa.simulation` reckons with it: one place decides for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self, TypeAlias

from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.study import Study
from raydoa.labels import SOURCES
from raydoa.pipeline.stages import ChooseSparsity, Evaluate, FineTune, PseudoLabel
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


@dataclass(frozen=True)
class Placer:
    """Says what stages run as.

    Attributes:
        runtime: workers and devices.
        sharded: models whose training no task has room for.
    """

    runtime: RuntimeConfig
    sharded: frozenset[str]

    @classmethod
    def of(cls, study: Study, runtime: RuntimeConfig) -> Self:
        """Tasks have room for the student's training, and no more than one GPU holds, where there are any.

        Raises:
            UserError: the size of a model is not known.
        """
        sweep = study.sweep
        models = {sweep.student, *sweep.used_teachers}
        shapes = {model: study.shape(model) for model in models}
        needed = {model: shape.training_bytes(1) for model, shape in shapes.items()}
        room, largest = needed[sweep.student], shapes[sweep.student].parameters
        if runtime.gpus_per_worker:
            gpu = study.unit_costs.book.accelerator(sweep.accelerator)
            room = min(room, gpu.memory_gib.value * 2**30)
        # A LoRA of a larger model may need less, but not with the student's whole batches and all their activations.
        return cls(
            runtime,
            frozenset(
                model
                for model, shape in shapes.items()
                if needed[model] > room or shape.parameters > largest
            ),
        )

    def placed(self, stages: Sequence[Stage]) -> list[Placement]:
        """How ``stages``, all of one kind, are made: one placement after the other."""
        runtime = self.runtime
        shards = [stage for stage in stages if isinstance(stage, PseudoLabel)]
        if shards:
            labellers = dict.fromkeys(shard.labeller for shard in shards)
            return [
                self._pool(tuple(s for s in shards if s.labeller == labeller))
                for labeller in labellers
            ]
        placements: list[Placement] = []
        tasks = []
        for stage in stages:
            if isinstance(stage, FineTune) and stage.model in self.sharded:
                group = WorkerGroup(stage, runtime.train_workers, runtime.gpus_per_worker)
                placements.append(group)
            else:
                tasks.append(stage)
        if tasks:
            placements.append(Tasks(tuple(tasks), max(map(self._gpus, tasks))))
        return placements

    def _pool(self, shards: tuple[PseudoLabel, ...]) -> ActorPool:
        """Of one labeller; a source that asks people or an endpoint needs no GPU."""
        least, most = self.runtime.label_actors
        needs_gpu = SOURCES.get(shards[0].source.name).needs_gpu
        gpus = self.runtime.gpus_per_label_actor if needs_gpu else 0
        return ActorPool(shards, least, min(most, max(least, len(shards))), gpus)

    def _gpus(self, stage: Stage) -> Fraction:
        """GPUs of a task: a student's share of one, and more where a teacher writes; reading rows and asking others needs none."""
        runtime = self.runtime
        if not runtime.gpus_per_worker or stage.role in ("data", "ask"):
            return Fraction(0)
        scored = isinstance(stage, Evaluate) and stage.model in self.sharded
        if scored or isinstance(stage, ChooseSparsity):
            return Fraction(max(1, runtime.gpus_per_label_actor))
        return Fraction(1, runtime.students_per_gpu)
