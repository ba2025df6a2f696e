"""The builder among others: repairs are bounded, and one maker's end is told to those who wait."""

from collections.abc import Sequence

import pytest

from raydoa.errors import InsufficientResources, UserError
from raydoa.experiment.resolve import Resolved
from raydoa.pipeline.beginnings import Vocabulary
from raydoa.pipeline.builder import Builder, BuildOutcome, NoLocks, StageFailed
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.store.key import Stage
from raydoa.store.record import DamagedArtifact
from raydoa.store.store import MissingArtifact
from tests.unit.experiment.conftest import distillation
from tests.unit.world import builder_of


class Flaky(LocalRunner):
    """A runner that finds a damaged input a few times before it works."""

    def __init__(self, context: ExecutionContext, error: Exception, times: int) -> None:
        super().__init__(context)
        self.error = error
        self.left = times

    def run(self, stages: Sequence[Stage]) -> None:
        if self.left:
            self.left -= 1
            raise self.error
        super().run(stages)


def test_repairs_are_bounded(resolved: Resolved) -> None:
    _, student = distillation(resolved)
    context = resolved.context
    for error in (DamagedArtifact("f" * 64, "its disk is broken"), MissingArtifact("gone")):
        works = Builder(context.store, Flaky(context, error, times=3), NoLocks())
        assert works.build(student.teacher.data).kind == "task_data"
        context.store.drop(student.teacher.data.key)
        never = Builder(context.store, Flaky(context, error, times=4), NoLocks())
        with pytest.raises(type(error), match="broken|gone"):
            never.build(student.teacher.data)
        context.store.drop(student.teacher.data.key)


class Shared:
    """Locks where somebody else makes the vocabulary."""

    def __init__(self, maker: Builder | None, *, mistake: bool = False) -> None:
        self.maker = maker
        self.mistake = mistake
        self.released: list[tuple[str, BuildOutcome]] = []

    def acquire(self, stages: Sequence[Stage]) -> list[Stage]:
        return [stage for stage in stages if not isinstance(stage, Vocabulary)]

    def release(self, stages: Sequence[Stage], outcome: BuildOutcome) -> None:
        self.released += [(stage.kind, outcome) for stage in stages]

    def wait(self, stage: Stage) -> BuildOutcome | None:
        if self.maker is None:
            return BuildOutcome(error="its maker: the disk is full", mistake=self.mistake)
        self.maker.build(stage)
        return None


def test_what_somebody_else_makes_is_waited_for(resolved: Resolved) -> None:
    plan, student = distillation(resolved)
    locks = Shared(builder_of(resolved, plan))
    builder = Builder(resolved.context.store, LocalRunner(resolved.context), locks)
    builder.build(student.teacher.initial)
    assert locks.released == [
        ("task_data", BuildOutcome(made=True)),
        ("pretrain", BuildOutcome(made=True)),
    ]


@pytest.mark.parametrize(("mistake", "error"), [(False, StageFailed), (True, UserError)])
def test_the_failure_of_another_maker_is_ours(
    resolved: Resolved, mistake: bool, error: type[Exception]
) -> None:
    """And of the same kind: a user's mistake stays one."""
    _, student = distillation(resolved)
    locks = Shared(None, mistake=mistake)
    builder = Builder(resolved.context.store, LocalRunner(resolved.context), locks)
    with pytest.raises(error, match="its maker: the disk is full"):
        builder.build(student.teacher.initial)


def test_those_who_wait_are_told_why_we_failed(resolved: Resolved) -> None:
    _, student = distillation(resolved)
    locks = Shared(None)
    builder = Builder(resolved.context.store, Flaky(resolved.context, UserError("no"), 1), locks)
    with pytest.raises(UserError):
        builder.build(student.teacher.data)
    builder = Builder(resolved.context.store, Flaky(resolved.context, OSError("no"), 1), locks)
    with pytest.raises(OSError, match="no"):
        builder.build(student.teacher.data)
    builder = Builder(
        resolved.context.store, Flaky(resolved.context, InsufficientResources("no"), 1), locks
    )
    with pytest.raises(InsufficientResources, match="no"):
        builder.build(student.teacher.data)
    assert [outcome for _, outcome in locks.released] == [
        BuildOutcome(error="UserError: no", mistake=True, final=True),
        BuildOutcome(error="OSError: no"),
        BuildOutcome(error="InsufficientResources: no", mistake=True),
    ]
