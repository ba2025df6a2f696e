"""Damage, full disks and other makers: what is lost is made again, and nothing goes round for ever."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from raydoa.artifacts.key import Stage
from raydoa.artifacts.record import DamagedArtifact
from raydoa.artifacts.store import MissingArtifact, Store
from raydoa.bench import Bench
from raydoa.cell import Cell
from raydoa.lab import Lab, Outcome, SoleMaker, StageFailed
from raydoa.learning.soft_labels import read_shard
from raydoa.local_runner import LocalRunner
from raydoa.mistakes import NoRoom, UserMistake
from raydoa.resolve import Resolved, resolve
from raydoa.stages import Distill, Pretrain, Vocabulary
from raydoa.trial import chain
from tests.unit.world import World, forecast_of, lab_of, measure_all


@pytest.fixture
def resolved(world: World) -> Resolved:
    return resolve(
        world.sweep(strategies=("distill",), n=(8,), u=(20,), budgets=(1.0,)), world.running()
    )


def distillation(resolved: Resolved) -> tuple[Cell, Distill]:
    [(cell, plan)] = forecast_of(resolved).plans.items()
    trained = chain(cell, plan, resolved.study).student.trained
    assert isinstance(trained, Distill)
    return cell, trained


def spoil(store: Store, stage: Stage, name: str) -> None:
    record = store.find(stage.key)
    assert record is not None
    path = Path(store.url) / record.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


class Flaky(LocalRunner):
    """A runner that finds a damaged input a few times before it works."""

    def __init__(self, bench: Bench, error: Exception, times: int) -> None:
        super().__init__(bench)
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
    store = resolved.bench.store
    cell, student = distillation(resolved)
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
    for made in student.closure():
        if stage.key in {s.key for s in made.inputs()} or made.key == student.key:
            store.drop(made.key)
    spoil(store, stage, name)
    assert lab_of(resolved, cell).make(student).key == student.key
    assert "it is dropped and made again" in caplog.text
    assert all(problem is None for _, problem in store.verify())


def test_a_damaged_record_is_dropped_and_made_again(resolved: Resolved) -> None:
    cell, student = distillation(resolved)
    lab = lab_of(resolved, cell)
    lab.make(student.teacher.data)
    [path] = (Path(resolved.bench.store.url) / "records").glob("*/*.json")
    path.write_text(path.read_text().replace('"train": 100', '"train": 101'))
    record = lab_of(resolved, cell).make(student.teacher.data)
    assert record.facts["train"] == 100


def test_shards_of_a_teacher_that_was_made_again_are_too(
    resolved: Resolved, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Retrained elsewhere it has other weights, and its head does not belong to the states it wrote before."""
    cell, student = distillation(resolved)
    store = resolved.bench.store
    lab_of(resolved, cell).make(student)
    before = {shard.key: read_shard(store.fetch(shard.key))[1] for shard in student.shards}
    teacher = store.find(student.teacher.key)
    assert teacher is not None
    shutil.copytree(store.fetch(teacher.key), tmp_path / "other")
    for name in ("model.safetensors", "head.safetensors"):
        tensors = load_file(tmp_path / "other" / name)
        save_file({k: v * 1.01 for k, v in tensors.items()}, tmp_path / "other" / name)
    store.drop(teacher.key)
    store.drop(student.key)
    store.publish(student.teacher, tmp_path / "other", teacher.facts, teacher.provenance)
    lab_of(resolved, cell).make(student)
    assert "was made again since; it is dropped and made again" in caplog.text
    again = store.find(teacher.key)
    assert again is not None and again.content != teacher.content
    for shard in student.shards:
        facts = read_shard(store.fetch(shard.key))[1]
        assert facts.teacher_content == again.content != before[shard.key].teacher_content


def test_repairs_are_bounded(resolved: Resolved) -> None:
    _, student = distillation(resolved)
    bench = resolved.bench
    for error in (DamagedArtifact("f" * 64, "its disk is broken"), MissingArtifact("gone")):
        works = Lab(bench.store, Flaky(bench, error, times=3), SoleMaker())
        assert works.make(student.teacher.data).kind == "task_data"
        bench.store.drop(student.teacher.data.key)
        never = Lab(bench.store, Flaky(bench, error, times=4), SoleMaker())
        with pytest.raises(type(error), match="broken|gone"):
            never.make(student.teacher.data)
        bench.store.drop(student.teacher.data.key)


class Shared:
    """A desk where somebody else makes the vocabulary."""

    def __init__(self, maker: Lab | None) -> None:
        self.maker = maker
        self.released: list[tuple[str, Outcome]] = []

    def claim(self, stages: Sequence[Stage]) -> list[Stage]:
        return [stage for stage in stages if not isinstance(stage, Vocabulary)]

    def release(self, stages: Sequence[Stage], outcome: Outcome) -> None:
        self.released += [(stage.kind, outcome) for stage in stages]

    def wait(self, stage: Stage) -> str | None:
        if self.maker is None:
            return "UserMistake: the disk of its maker is full"
        self.maker.make(stage)
        return None


def test_what_somebody_else_makes_is_waited_for(resolved: Resolved) -> None:
    cell, student = distillation(resolved)
    desk = Shared(lab_of(resolved, cell))
    lab = Lab(resolved.bench.store, LocalRunner(resolved.bench), desk)
    lab.make(student.teacher.initial)
    assert desk.released == [("task_data", Outcome(made=True)), ("pretrain", Outcome(made=True))]


def test_the_failure_of_another_maker_is_ours(resolved: Resolved) -> None:
    _, student = distillation(resolved)
    lab = Lab(resolved.bench.store, LocalRunner(resolved.bench), Shared(None))
    with pytest.raises(StageFailed, match="UserMistake: the disk of its maker is full"):
        lab.make(student.teacher.initial)


def test_those_who_wait_are_told_why_we_failed(resolved: Resolved) -> None:
    _, student = distillation(resolved)
    desk = Shared(None)
    lab = Lab(resolved.bench.store, Flaky(resolved.bench, UserMistake("no"), 1), desk)
    with pytest.raises(UserMistake):
        lab.make(student.teacher.data)
    lab = Lab(resolved.bench.store, Flaky(resolved.bench, OSError("no"), 1), desk)
    with pytest.raises(OSError, match="no"):
        lab.make(student.teacher.data)
    lab = Lab(resolved.bench.store, Flaky(resolved.bench, NoRoom("no"), 1), desk)
    with pytest.raises(NoRoom, match="no"):
        lab.make(student.teacher.data)
    assert [outcome for _, outcome in desk.released] == [
        Outcome(error="UserMistake: no", final=True),
        Outcome(error="OSError: no"),
        Outcome(error="NoRoom: no"),
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
        world.running(store=str(small_disk / "store")),
    )
    with pytest.raises(
        UserMistake, match=r"^[^\n]*disk/store: no space left [^\n]*run again[^\n]*$"
    ):
        measure_all(resolved)
    made = dict(resolved.bench.store.verify())
    assert made and not any(made.values())


def test_a_full_scratch_disk_is_told(
    resolved: Resolved, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, student = distillation(resolved)
    lab_of(resolved, cell).make(student.teacher.initial)
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    (small_disk / "filler").write_bytes(bytes(200_000))  # The weights do not fit.
    with pytest.raises(UserMistake, match=r"disk \(TMPDIR\): no space left for what is being made"):
        lab_of(resolved, cell).make(student)
    assert all(problem is None for _, problem in resolved.bench.store.verify())
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler"]


def test_a_newer_store_is_refused(resolved: Resolved) -> None:
    store = Path(resolved.bench.store.url)
    store.mkdir()
    (store / "store.json").write_text('{"schema": 99}')
    with pytest.raises(UserMistake, match=r"store schema 99, .* upgrade raydoa, or use another"):
        measure_all(resolved)
    assert [path.name for path in store.iterdir()] == ["store.json"]
