"""Damage: whoever reads what is damaged, it is made again, and costs what it costs."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Plan
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.labels import SOURCES
from raydoa.models import FAMILIES
from raydoa.models.head import HEAD_FILE
from raydoa.models.objective import Objective
from raydoa.pipeline import sparsity
from raydoa.pipeline.beginnings import Checkpoint, Initialize, TakeLayers
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.pipeline.stages import VERSIONS, Distill, Evaluate, FineTune
from raydoa.store.key import Stage, closure, stage_label
from raydoa.store.record import DamagedArtifact
from raydoa.store.store import Store
from raydoa.strategies import STRATEGIES
from raydoa.training.recipe import Representation
from raydoa.training.shards import Shard
from tests.plugins import example_plugin
from tests.unit.encoders import write_encoder
from tests.unit.experiment.conftest import distillation
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
ENCODER_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


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


@dataclass(frozen=True)
class Made:
    """A sweep of one mixed cell with a sparse teacher, and beside it a model without pretraining and one of some layers."""

    resolved: Resolved
    plan: Plan
    others: tuple[Evaluate, ...]
    row: Row

    @property
    def stages(self) -> list[Stage]:
        finals = [*self.resolved.study.graph(self.plan).evaluations, *self.others]
        return [s for s in closure(finals) if self.store.find(s.key) is not None]

    def _files(self, stage: Stage) -> Mapping[str, object]:
        record = self.store.find(stage.key)
        assert record is not None
        return record.files

    @property
    def store(self) -> Store:
        return self.resolved.context.store

    def measured(self) -> Row:
        """Of the cell, as it comes out of a store that has all of it."""
        return next(iter(measure_all(self.resolved).values()))

    def of_kind(self, kind: str, name: str | None) -> tuple[Stage, list[Stage]]:
        """An artifact that has this file, and those that were made from it."""
        stages = self.stages
        stage = next(
            s for s in stages if s.kind == kind and (name is None or name in self._files(s))
        )
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
        if "bag" not in FAMILIES:
            example_plugin.register()
        resolved = resolve(sweep, world.runtime())
        encoder = Checkpoint("bert", "its fingerprint")
        places = {"its fingerprint": str(write_encoder(folder / "bert"))}
        resolved = replace(resolved, context=replace(resolved.context, checkpoints=places))
        [(cell, row)] = measure_all(resolved).items()
        [plan] = forecast_of(resolved).trials
        student = resolved.study.graph(plan).student
        assert isinstance(student, Distill) and student.data is not None, cell
        recipe, data, form = resolved.study.sweep.student_recipe, student.data, student.form
        over = Objective("classes", CLASSES)
        tuned = (
            FineTune(Initialize("bag", "bag", CLASSES, 0), data, form, 8, recipe, 1, 0),
            FineTune(
                TakeLayers("bert[layers=1]", encoder, (1,)),
                data,
                form,
                8,
                recipe,
                1,
                0,
                objective=over,
            ),
        )
        others = tuple(Evaluate(one, data, form, "accuracy", CLASSES, None) for one in tuned)
        for evaluation in others:
            builder_of(resolved, plan).build(evaluation)
        yield Made(resolved, plan, others, row)


FILES = {
    "task_data": ("pool.parquet", "test.parquet", "text.parquet", "train.parquet"),
    "vocabulary": ("spiece.model",),
    "pretrain": MODEL_FILES,
    "initialize": ("config.json", "head.safetensors", "model.safetensors"),
    "take_layers": ENCODER_FILES,
    "fine_tune": tuple(sorted({*MODEL_FILES, *ENCODER_FILES})),
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
    # Pilots ask an endpoint: tests/unit/experiment/test_llm.py.
    assert set(FILES) == VERSIONS.keys() - {"checkpoint", "pilot_llm"}


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
    stage, readers = made.of_kind(kind, name)
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
