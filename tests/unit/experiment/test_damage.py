"""Damage, full disks and other makers: what is lost is made again, and nothing goes round for ever."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from raydoa.costs.plan import Plan
from raydoa.errors import InsufficientResources, UserError
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.pipeline.builder import Builder, BuildOutcome, NoLocks, StageFailed
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.pipeline.stages import Distill, Pretrain, Vocabulary
from raydoa.store.key import Stage, closure
from raydoa.store.record import DamagedArtifact
from raydoa.store.store import MissingArtifact, Store
from raydoa.training.shards import Shard
from tests.unit.world import World, builder_of, forecast_of, measure_all


@pytest.fixture
def resolved(world: World) -> Resolved:
    return resolve(
        world.sweep(strategies=("distill",), n=(8,), u=(20,), budgets=(1.0,)), world.runtime()
    )


def distillation(resolved: Resolved) -> tuple[Plan, Distill]:
    [plan] = forecast_of(resolved).trials
    trained = resolved.study.graph(plan).student
    assert isinstance(trained, Distill)
    return plan, trained


def spoil(store: Store, stage: Stage, name: str) -> None:
    record = store.find(stage.key)
    assert record is not None
    path = Path(store.url) / record.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


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


@pytest.mark.parametrize("what", ["teacher", "shard", "data", "vocabulary"])
def test_a_damaged_input_is_dropped_and_made_again(
    resolved: Resolved, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    measure_all(resolved)
    store = resolved.context.store
    plan, student = distillation(resolved)
    initial = student.teacher.initial
    assert isinstance(initial, Pretrain)
    damaged: dict[str, tuple[Stage, str]] = {
        "teacher": (student.teacher, "model.safetensors"),
        "shard": (student.shards[0], "soft_labels.parquet"),
        "data": (student.teacher.data, "train.parquet"),
        "vocabulary": (initial.vocabulary, "spiece.model"),
    }
    stage, name = damaged[what]
    # Everything that was made from it has to be made again, so somebody reads it.
    for made in closure([student]):
        if stage.key in {s.key for s in made.inputs()} or made.key == student.key:
            store.drop(made.key)
    spoil(store, stage, name)
    assert builder_of(resolved, plan).build(student).key == student.key
    assert "it is dropped and made again" in caplog.text
    assert all(problem is None for _, problem in store.verify())


def test_a_damaged_record_is_dropped_and_made_again(resolved: Resolved) -> None:
    plan, student = distillation(resolved)
    builder = builder_of(resolved, plan)
    builder.build(student.teacher.data)
    [path] = (Path(resolved.context.store.url) / "records").glob("*/*.json")
    path.write_text(path.read_text().replace('"train": 100', '"train": 101'))
    record = builder_of(resolved, plan).build(student.teacher.data)
    assert record.facts["train"] == 100


def test_shards_of_a_teacher_that_was_made_again_are_too(
    resolved: Resolved, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Retrained elsewhere it has other weights, and its head does not belong to the states it wrote before."""
    plan, student = distillation(resolved)
    store = resolved.context.store
    builder_of(resolved, plan).build(student)
    before = {shard.key: Shard(store.fetch(shard.key)).facts for shard in student.shards}
    teacher = store.find(student.teacher.key)
    assert teacher is not None
    shutil.copytree(store.fetch(teacher.key), tmp_path / "other")
    for name in ("model.safetensors", "head.safetensors"):
        tensors = load_file(tmp_path / "other" / name)
        save_file({k: v * 1.01 for k, v in tensors.items()}, tmp_path / "other" / name)
    store.drop(teacher.key)
    store.drop(student.key)
    store.publish(student.teacher, tmp_path / "other", teacher.facts, teacher.provenance)
    builder_of(resolved, plan).build(student)
    assert "was made again since; it is dropped and made again" in caplog.text
    again = store.find(teacher.key)
    assert again is not None and again.content != teacher.content
    for shard in student.shards:
        facts = Shard(store.fetch(shard.key)).facts
        assert facts.teacher_content == again.content != before[shard.key].teacher_content


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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_store_is_told_and_loses_nothing(world: World, small_disk: Path) -> None:
    resolved = resolve(
        world.sweep(strategies=("distill",), n=(8,), u=(20,), budgets=(1.0,)),
        world.runtime(store=str(small_disk / "store")),
    )
    with pytest.raises(UserError, match=r"^[^\n]*disk/store: no space left [^\n]*run again[^\n]*$"):
        measure_all(resolved)
    made = dict(resolved.context.store.verify())
    assert made and not any(made.values())


def test_a_full_scratch_disk_is_told(
    resolved: Resolved, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, student = distillation(resolved)
    builder_of(resolved, plan).build(student.teacher.initial)
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    (small_disk / "filler").write_bytes(bytes(200_000))  # The weights do not fit.
    with pytest.raises(UserError, match=r"disk \(TMPDIR\): no space left for what is being made"):
        builder_of(resolved, plan).build(student)
    assert all(problem is None for _, problem in resolved.context.store.verify())
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler"]


def test_a_newer_store_is_refused(resolved: Resolved) -> None:
    store = Path(resolved.context.store.url)
    store.mkdir()
    (store / "store.json").write_text('{"schema": 99}')
    with pytest.raises(UserError, match=r"store schema 99, .* upgrade raydoa, or use another"):
        measure_all(resolved)
    assert [path.name for path in store.iterdir()] == ["store.json"]
