"""What tasks ask of a machine's memory: models, rows and pools, and never the labels themselves."""

from dataclasses import replace
from pathlib import Path

import pytest

from raydoa.models.lookup import shape_at
from raydoa.models.seq2seq.nano import nano_shape
from raydoa.pipeline.beginnings import Checkpoint, Pretrain, TakeLayers, TaskData, Vocabulary
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.host_memory import Sharding, host_bytes
from raydoa.pipeline.stages import (
    VERSIONS,
    ChooseSparsity,
    Distill,
    Evaluate,
    FineTune,
    PilotLlm,
    PseudoLabel,
    SourceConfig,
    TextForm,
)
from raydoa.store.key import closure
from raydoa.store.store import Store
from raydoa.tasks.data import fingerprint
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.reading.rows import read_rows
from raydoa.training.recipe import Execution, PretrainRecipe, Recipe, Representation
from tests.unit.encoders import write_encoder
from tests.unit.world import write_task

PROCESS = 600_000_000
RECIPE = Recipe(learning_rate=1e-3, batch_size=8, epochs=1)


def test_a_students_memory_hardly_depends_on_its_pool(tmp_path: Path) -> None:
    spec = read_task_yaml(write_task(tmp_path / "task"))
    context = ExecutionContext(
        Store(str(tmp_path / "store")), {"tiny": spec}, None, {}, Execution(device="cpu")
    )
    data, form = TaskData("tiny", fingerprint(read_rows(spec, None))), TextForm.of(spec)
    rows = build_stage(data, context).size_bytes
    pretraining = PretrainRecipe(training=RECIPE, steps=1)
    small, large = (
        Pretrain(name, Vocabulary(data, 60), data, pretraining, 0) for name in ("nano-s", "nano-m")
    )
    teacher = FineTune(large, data, form, 8, RECIPE, 1, 0)
    shard = PseudoLabel(teacher, data, form, Representation(), None, 0, 20, 0)
    student = Distill(small, teacher, (shard,), form, RECIPE, 1, 0)

    weights, head = nano_shape("nano-s", 60).parameters, 4 * 64 * 60
    assert host_bytes(student, context) == PROCESS + 16 * weights + head + 64 * 20
    other = replace(shard, representation=Representation(kind="aligned"))
    aligned = replace(student, shards=(other,))
    assert host_bytes(aligned, context) - host_bytes(student, context) == 2 * head
    many = replace(student, shards=(replace(shard, stop=1000),) * 100)
    assert host_bytes(many, context) - host_bytes(student, context) == 64 * (100_000 - 20)
    gpu = replace(context, execution=Execution(device="cuda"))
    assert host_bytes(student, gpu) == PROCESS + 4 * weights + head + 64 * 20
    weights = nano_shape("nano-m", 60).parameters
    assert host_bytes(teacher, context) == PROCESS + 16 * weights + 10 * rows
    assert host_bytes(data, context) == PROCESS
    for zero_stage, whole, cut in ((0, 16, 0), (1, 8, 8), (2, 4, 12), (3, 4, 16)):
        held = whole * weights + cut * weights // 4 + 10 * rows
        assert host_bytes(teacher, context, Sharding(4, zero_stage)) == pytest.approx(
            PROCESS + held, abs=3
        )
        offloaded = Sharding(4, zero_stage, offload=True)
        assert host_bytes(teacher, gpu, offloaded) == pytest.approx(PROCESS + held, abs=3)
    assert host_bytes(teacher, gpu) == PROCESS + 4 * weights + 10 * rows
    assert host_bytes(teacher, gpu, Sharding(4, 2)) == PROCESS + 4 * weights + 10 * rows
    last = 4 * weights // 4 + 4 * weights
    assert host_bytes(teacher, gpu, Sharding(4, 3)) == PROCESS + last + 10 * rows
    states = 20 * form.target_length * nano_shape("nano-m", 60).width
    labelling = 4 * weights + 10 * rows + 8 * states
    assert host_bytes(shard, context) == host_bytes(shard, gpu) == PROCESS + labelling
    by_rules = replace(shard, teacher=None, source=SourceConfig("gold"))
    assert host_bytes(by_rules, context) == PROCESS + 10 * rows


def test_every_kind_of_stage_says_what_it_needs(tmp_path: Path) -> None:
    spec = read_task_yaml(write_task(tmp_path / "task"))
    context = ExecutionContext(
        Store(str(tmp_path / "store")), {"tiny": spec}, None, {}, Execution(device="cpu")
    )
    data, form = TaskData("tiny", "rows"), TextForm.of(spec)
    vocabulary = Vocabulary(data, 60)
    start = Pretrain("nano-s", vocabulary, data, PretrainRecipe(training=RECIPE, steps=1), 0)
    teacher = FineTune(start, data, form, 8, RECIPE, 1, 0)
    sparse = Representation(kind="sparse")
    sparsity = ChooseSparsity(teacher, start, data, form, RECIPE, sparse, 0)
    shard = PseudoLabel(teacher, data, form, sparse, sparsity, 0, 20, 0)
    student = Distill(start, teacher, (shard,), form, RECIPE, 1, 0)
    evaluation = Evaluate(student, data, form, "accuracy", (), None)
    pilot = PilotLlm(data, SourceConfig("llm"), 8, 4, 0)
    stages = closure([evaluation, pilot])
    assert {stage.kind for stage in stages} == VERSIONS.keys() - {
        "checkpoint",
        "take_layers",
        "initialize",
    }
    needed = {stage.kind: host_bytes(stage, context) - PROCESS for stage in stages}
    weights = nano_shape("nano-s", 60).parameters
    assert needed["task_data"] == needed["vocabulary"] == 0, "their rows are not in the store yet"
    assert needed["choose_sparsity"] == 20 * weights and needed["evaluate"] == 4 * weights
    half = RECIPE.model_copy(update={"precision": "bfloat16"})
    lighter = replace(evaluation, trained=replace(student, recipe=half))
    assert host_bytes(lighter, context) == PROCESS + 2 * weights
    checkpoint = Checkpoint("bert", "its fingerprint")
    encoder = replace(
        context, checkpoints={"its fingerprint": str(write_encoder(tmp_path / "bert"))}
    )
    whole = shape_at(tmp_path / "bert").parameters
    layers = TakeLayers("bert[layers=0]", checkpoint, (0,))
    assert host_bytes(layers, encoder) == PROCESS + 4 * whole
    part = host_bytes(FineTune(layers, data, form, 8, RECIPE, 1, 0), encoder) - PROCESS
    assert part < 16 * whole
