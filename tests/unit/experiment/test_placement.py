"""What stages hold of a cluster's GPUs."""

from dataclasses import replace
from fractions import Fraction

import pytest

from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.placement import ActorPool, Placer, Tasks, WorkerGroup
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.stages import Distill, Evaluate, FineTune, PseudoLabel
from raydoa.store.key import Stage
from tests.unit.simulation.graphs import STUDENT, TEACHER, distilling, evaluated, placer, tuned
from tests.unit.world import World

_CHAIN = distilling(tuned(TEACHER), 1)


@pytest.mark.parametrize(
    ("stage", "share"),
    [
        (tuned(STUDENT), Fraction(1, 4)),
        (evaluated(tuned(STUDENT)), Fraction(1, 4)),
        (_CHAIN[0], Fraction(1, 4)),
        (_CHAIN[1], Fraction(2)),
        (tuned(STUDENT).data, Fraction(0)),
    ],
    ids=["student", "its score", "distilled student's score", "teacher's score", "rows"],
)
def test_students_share_a_gpu_and_teachers_do_not(stage: Stage, share: Fraction) -> None:
    runtime = RuntimeConfig(gpus_per_worker=1, gpus_per_label_actor=2, students_per_gpu=4)
    assert placer(runtime).placed([stage]) == [Tasks((stage,), share)]


def test_without_gpus_nobody_holds_one() -> None:
    [tasks] = placer(RuntimeConfig(students_per_gpu=4)).placed([tuned(STUDENT)])
    assert isinstance(tasks, Tasks) and tasks.gpus == 0


def _sharded(
    world: World, student: str = "nano-s", memory_gib: float = 40.0, **runtime: int
) -> set[str]:
    """Models that a task has no room for."""
    resolved = world.resolved(world.sweep(student=student, teachers=("nano-m",)))
    [costs] = [resolved.study.unit_costs]
    gpu = costs.book.accelerators["a100-40gb"]
    memory = gpu.memory_gib.model_copy(update={"value": memory_gib})
    smaller = {"a100-40gb": gpu.model_copy(update={"memory_gib": memory})}
    book = costs.book.model_copy(update={"accelerators": smaller})
    study = replace(resolved.study, unit_costs=replace(costs, book=book))
    return set(Placer.of(study, world.runtime(**runtime)).sharded)


def test_a_task_has_room_for_the_students_training_and_for_what_a_gpu_holds(world: World) -> None:
    assert _sharded(world) == _sharded(world, gpus_per_worker=1) == {"nano-m"}
    assert _sharded(world, student="nano-m") == set(), "it is its own teacher, and as small"
    small = 1e-4
    assert _sharded(world, memory_gib=small) == {"nano-m"}, "no GPU is used"
    assert _sharded(world, memory_gib=small, gpus_per_worker=1) == {"nano-s", "nano-m"}


def test_a_large_models_fine_tuning_is_a_worker_group() -> None:
    large, small = tuned(TEACHER), tuned(STUDENT)
    runtime = RuntimeConfig(train_workers=4, gpus_per_worker=1)
    assert placer(runtime).placed([large, small]) == [
        WorkerGroup(large, workers=4, gpus=1),
        Tasks((small,), Fraction(1)),
    ]


def _shards(teacher: FineTune) -> tuple[PseudoLabel, ...]:
    student = next(end.trained for end in distilling(teacher, 2) if isinstance(end, Evaluate))
    assert isinstance(student, Distill)
    return student.shards


def test_shards_of_a_teacher_are_labelled_together() -> None:
    """However they are mixed: a teacher is opened once."""
    first, second = tuned(TEACHER), tuned(TEACHER, steps=9)
    pairs = zip(*(_shards(teacher) for teacher in (first, second)), strict=True)
    pools = placer(RuntimeConfig()).placed([shard for pair in pairs for shard in pair])
    assert [len(pool.shards) for pool in pools if isinstance(pool, ActorPool)] == [2, 2]


def test_what_shared_a_gpu_took_its_part_of_it(world: World) -> None:
    resolved = world.resolved()
    [task] = resolved.study.tasks.values()
    took = build_stage(task.data, replace(resolved.context, gpu_share=0.25)).provenance
    assert took["gpu_seconds"] == 0.25 * took["seconds"] > 0
