"""Damage, full disks and other makers: what is lost is made again, and nothing goes round for ever."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Plan
from raydoa.errors import InsufficientResources, UserError
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.labels import SOURCES
from raydoa.models import FAMILIES
from raydoa.models.head import HEAD_FILE
from raydoa.pipeline import sparsity
from raydoa.pipeline.builder import Builder, BuildOutcome, NoLocks, StageFailed
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.pipeline.stages import (
    VERSIONS,
    Distill,
    Evaluate,
    FineTune,
    Initialize,
    Vocabulary,
)
from raydoa.store.key import Stage, closure, stage_label
from raydoa.store.record import DamagedArtifact
from raydoa.store.store import MissingArtifact, Store
from raydoa.strategies import STRATEGIES
from raydoa.training.recipe import Representation
from raydoa.training.shards import Shard
from tests.plugins import example_plugin
from tests.unit.world import (
    CLASSES,
    Row,
    World,
    builder_of,
    forecast_of,
    measure_all,
    write_task,
)

MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "head.safetensors",
    "model.safetensors",
    "spiece.model",
)


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


def path_of(store: Store, stage: Stage, name: str | None) -> Path:
    """A file of an artifact, or its record."""
    record = store.find(stage.key)
    assert record is not None
    if name is None:
        return Path(store.url) / "records" / stage.key[:2] / f"{stage.key}.json"
    return Path(store.url) / record.folder / name


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


DAMAGES = {"flipped": flip, "truncated": truncate, "missing": Path.unlink}


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


@dataclass(frozen=True)
class Made:
    """A sweep of one mixed cell with a sparse teacher, and a linear model beside it: an artifact of every kind."""

    resolved: Resolved
    plan: Plan
    linear: Evaluate
    row: Row

    @property
    def stages(self) -> list[Stage]:
        finals = [*self.resolved.study.graph(self.plan).evaluations, self.linear]
        return [s for s in closure(finals) if self.store.find(s.key) is not None]

    @property
    def store(self) -> Store:
        return self.resolved.context.store

    def measured(self) -> Row:
        """Of the cell, as it comes out of a store that has all of it."""
        return next(iter(measure_all(self.resolved).values()))

    def of_kind(self, kind: str) -> tuple[Stage, list[Stage]]:
        """An artifact, and those that were made from it."""
        stages = self.stages
        stage = next(stage for stage in stages if stage.kind == kind)
        readers = [s for s in stages if stage.key in {needed.key for needed in s.inputs()}]
        return stage, readers


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Every test leaves it as whole as it was."""
    folder = tmp_path_factory.mktemp("made")
    world = World(folder, write_task(folder / "task"))
    sweep = world.sweep(
        strategies=("mixed",),
        n=(8,),
        u=(20,),
        budgets=(2.0,),
        representation=Representation(kind="sparse", top=160),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparsity, "_PROBE_STEPS", 1)
        for registry in (FAMILIES, SOURCES, ITEMS, STRATEGIES):
            patch.setattr(registry, "_entries", dict(registry._entries))
        if "linear" not in FAMILIES:
            example_plugin.register()
        resolved = resolve(sweep, world.runtime())
        [(cell, row)] = measure_all(resolved).items()
        [plan] = forecast_of(resolved).trials
        student = resolved.study.graph(plan).student
        assert isinstance(student, Distill) and student.data is not None, cell
        initial = Initialize("linear", "linear", CLASSES, 0)
        recipe = resolved.study.sweep.student_recipe
        tuned = FineTune(initial, student.data, student.form, 8, recipe, 1, 0)
        linear = Evaluate(tuned, student.data, student.form, "accuracy", CLASSES, None)
        builder_of(resolved, plan).build(linear)
        yield Made(resolved, plan, linear, row)


FILES = {
    "task_data": ("pool.parquet", "test.parquet", "text.parquet", "train.parquet"),
    "vocabulary": ("spiece.model",),
    "pretrain": MODEL_FILES,
    "initialize": ("config.json", "head.safetensors", "model.safetensors"),
    "fine_tune": MODEL_FILES,
    "choose_sparsity": (),
    "pseudo_label": ("soft_labels.parquet", "soft_labels.safetensors"),
    "distill": MODEL_FILES,
    "evaluate": ("predictions.jsonl",),
}
KINDS_AND_FILES = [(kind, name) for kind, names in FILES.items() for name in (None, *names)]


def test_no_kind_and_no_file_is_left_out(made: Made) -> None:
    written = {stage.kind: set[str]() for stage in made.stages}
    for stage in made.stages:
        record = made.store.find(stage.key)
        assert record is not None
        written[stage.kind] |= record.files.keys()
    assert written == {kind: set(names) for kind, names in FILES.items()}
    assert set(FILES) == VERSIONS.keys() - {"checkpoint"}


def reads(reader: Stage, stage: Stage, name: str | None) -> bool:
    """Whether what is made as ``reader`` reads this file of ``stage``."""
    if isinstance(reader, Distill) and stage == reader.teacher:
        return name in (None, HEAD_FILE)  # And no more of a teacher than that.
    return True


@pytest.mark.parametrize(("kind", "name"), KINDS_AND_FILES)
def test_damage_is_found_by_all_who_read_it_and_made_again_once(
    made: Made, kind: str, name: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a record (no name) or a file of any kind of artifact."""
    store, builder = made.store, builder_of(made.resolved, made.plan)
    stage, readers = made.of_kind(kind)
    readers = [reader for reader in readers if reads(reader, stage, name)]
    before = {one.key: store.find(one.key) for one in made.stages}
    path = path_of(store, stage, name)
    whole = path.read_bytes()
    for damage in (flip, truncate) if name is None else DAMAGES.values():
        damage(path)
        for reader in readers:
            with pytest.raises(DamagedArtifact) as found:
                LocalRunner(made.resolved.context).run([reader])
            assert found.value.key == stage.key
        path.write_bytes(whole)
    if name is None or readers:
        flip(path)
        asked = readers[0] if readers else stage
        if readers:
            store.drop(asked.key)
        builder.build(asked)
        told = [line for line in caplog.messages if "dropped and made again" in line]
        assert len(told) == 1
        assert told[0].startswith(f"{stage_label(stage)}: artifact {stage.key} is damaged: ")
    else:
        assert kind == "evaluate", "its facts are in its record, and nobody reads its file"
    row = made.measured()
    changed = {column for column in row if row[column] != made.row[column]}
    assert all(column.startswith("measured_gpu_seconds") for column in changed)
    for key, record in before.items():
        again = store.find(key)
        assert again is not None and record is not None and again.content == record.content
    assert all(problem is None for _, problem in store.verify())


@pytest.mark.parametrize("item", ["teacher", "pseudo_labels", "student"])
def test_a_damaged_record_takes_nothing_from_what_a_row_incurred(
    made: Made, item: str, caplog: pytest.LogCaptureFixture
) -> None:
    [stage] = made.resolved.study.graph(made.plan).paid[item]
    assert made.row.cost_incurred > 0
    truncate(path_of(made.store, stage, None))
    assert made.measured().cost_incurred == made.row.cost_incurred
    assert caplog.text.count("it is dropped and made again") == 1
    assert all(problem is None for _, problem in made.store.verify())


def test_what_is_gone_from_a_rows_cost_is_said(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    graph = made.resolved.study.graph(made.plan)
    for item in ("teacher", "pseudo_labels"):
        made.store.drop(graph.paid[item][0].key)
    row = made.measured()
    [told] = caplog.messages
    assert told.startswith(f"{row.cell}: gone from the store: teacher, pseudo_labels; ")
    left = made.row.cost_incurred - row.cost_incurred
    assert left == pytest.approx(row.cost_teacher + row.cost_pseudo_labels)
    assert told.endswith(f"what it cost is not in cost_incurred: ${left:.4f}")
    builder_of(made.resolved, made.plan).build(graph.paid["pseudo_labels"][0])
    caplog.clear()
    assert made.measured().cost_incurred == made.row.cost_incurred
    assert not caplog.messages


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
