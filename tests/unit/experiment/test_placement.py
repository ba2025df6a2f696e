"""What stages hold of a cluster's GPUs."""

from dataclasses import replace
from fractions import Fraction

import pytest

from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.placement import ActorPool, Tasks, placed
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.stages import Distill, Evaluate, FineTune, PseudoLabel
from raydoa.store.key import Stage
from tests.unit.simulation.graphs import STUDENT, TEACHER, distilling, evaluated, tuned
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
    assert placed([stage], runtime) == [Tasks((stage,), share)]


def test_without_gpus_nobody_holds_one() -> None:
    [tasks] = placed([tuned(STUDENT)], RuntimeConfig(students_per_gpu=4))
    assert isinstance(tasks, Tasks) and tasks.gpus == 0


def _shards(teacher: FineTune) -> tuple[PseudoLabel, ...]:
    student = next(end.trained for end in distilling(teacher, 2) if isinstance(end, Evaluate))
    assert isinstance(student, Distill)
    return student.shards


def test_shards_of_a_teacher_are_labelled_together() -> None:
    """However they are mixed: a teacher is opened once."""
    first, second = tuned(TEACHER), tuned(TEACHER, steps=9)
    pairs = zip(*(_shards(teacher) for teacher in (first, second)), strict=True)
    pools = placed([shard for pair in pairs for shard in pair], RuntimeConfig())
    assert [len(pool.shards) for pool in pools if isinstance(pool, ActorPool)] == [2, 2]


def test_what_shared_a_gpu_took_its_part_of_it(world: World) -> None:
    resolved = world.resolved()
    [task] = resolved.study.tasks.values()
    took = build_stage(task.data, replace(resolved.context, gpu_share=0.25)).provenance
    assert took["gpu_seconds"] == 0.25 * took["seconds"] > 0
