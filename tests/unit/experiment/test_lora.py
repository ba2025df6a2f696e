"""Teachers and students with a LoRA, and other settings in names, from the name to the row."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from raydoa.errors import UserError
from raydoa.experiment.calibrate import calibrate
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.placement import Placer
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.models.family import Opening
from raydoa.models.meeting import OutputSpace
from raydoa.pipeline.beginnings import TakeLayers
from raydoa.pipeline.host_memory import host_bytes
from raydoa.pipeline.opened_models import open_for_training, open_model
from raydoa.pipeline.stages import Distill, FineTune
from raydoa.training.recipe import Execution, Recipe, Representation
from tests.unit.checkpoints import write_checkpoint
from tests.unit.decoders import SHORT, write_decoder
from tests.unit.encoders import write_encoder
from tests.unit.world import World, graph_of, measured_row

RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    return {
        "t5": write_checkpoint(place / "t5"),
        "bert": write_encoder(place / "bert"),
        "qwen3": write_decoder(place / "qwen3", chat=SHORT),
    }


def of_pair(
    world: World,
    folders: dict[str, Path],
    teacher: str,
    student: str,
    precision: str = "float32",
    representation: Representation | None = None,
) -> Resolved:
    names = {name.partition("[")[0] for name in (teacher, student)}
    recipe = RECIPE.model_copy(update={"precision": precision})
    sweep = world.sweep(
        strategies=("distill",), teachers=(teacher,), student=student, budgets=(4.0,), n=(16,), u=(40,),
        student_recipe=recipe, teacher_recipe=recipe, distill_recipe=recipe,
        prices="2026-11-09", accelerator="a100-40gb", pretraining=None,
        representation=representation or Representation(),
    )  # fmt: skip
    return resolve(sweep, world.runtime(models={n: str(folders[n]) for n in names if n in folders}))


@pytest.mark.parametrize(
    ("teacher", "student", "over"),
    [
        ("qwen3[lora_r=4]", "bert", "classes"),
        ("qwen3[lora_r=4;kind=encoder]", "bert[lora_r=2]", "classes"),
        ("bert[layers=1;lora_r=2]", "qwen3[lora_r=2]", "classes"),
        ("t5[lora_r=2]", "t5[lora_r=4;lora_target_modules=q,v]", "tokens"),
    ],
)
def test_a_lora_from_its_name_to_the_row(
    world: World, folders: dict[str, Path], teacher: str, student: str, over: OutputSpace
) -> None:
    resolved = of_pair(world, folders, teacher, student)
    (cell,) = resolved.study.cells()
    row = measured_row(resolved, cell)
    assert (row.teacher, row.student, row.output_space) == (teacher, student, over)
    assert 0 <= row.score <= 1 and 0 <= row.teacher_score <= 1
    graph = graph_of(resolved, cell)
    assert isinstance(graph.student, Distill) and isinstance(graph.teacher, FineTune)
    assert graph.teacher.lora is not None and graph.teacher.lora.alpha == 2 * graph.teacher.lora.r
    record = resolved.context.store.find(graph.teacher.key)
    assert record is not None
    assert record.facts["base"] == (
        {"checkpoint": graph.teacher.initial.checkpoint.fingerprint, "layers": [1]}
        if isinstance(graph.teacher.initial, TakeLayers)
        else graph.teacher.initial.content
    )
    assert any(name.startswith("adapter_model") for name in record.files)
    assert not any(name.startswith("model.safetensors") for name in record.files)


def test_it_needs_less_memory_than_the_whole(world: World, folders: dict[str, Path]) -> None:
    whole, adapted = (
        of_pair(world, folders, name, "bert") for name in ("qwen3", "qwen3[lora_r=4]")
    )
    bytes_of, held = [], []
    for resolved, name in ((whole, "qwen3"), (adapted, "qwen3[lora_r=4]")):
        shape = resolved.study.shape(name)
        assert shape.parameters == whole.study.shape("qwen3").parameters
        bytes_of.append(shape.training_bytes(1))
        (cell,) = resolved.study.cells()
        teacher = graph_of(resolved, cell).teacher
        assert teacher is not None
        held.append(host_bytes(teacher, resolved.context))
    assert bytes_of[1] < bytes_of[0] and held[1] < held[0]


def test_its_frozen_weights_are_in_the_precision_of_the_recipe(
    world: World, folders: dict[str, Path]
) -> None:
    resolved = of_pair(world, folders, "qwen3[lora_r=4]", "bert", "bfloat16")
    (cell,) = resolved.study.cells()
    measured_row(resolved, cell)
    teacher = graph_of(resolved, cell).teacher
    assert teacher is not None
    parameters = open_for_training(teacher, resolved.context).network.parameters()
    formats = {(p.requires_grad, p.dtype) for p in parameters}
    assert formats == {(True, torch.float32), (False, torch.bfloat16)}
    kept = load_file(resolved.context.store.fetch(teacher.key) / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in kept.values()} == {torch.float32}
    merged = open_model(teacher, resolved.context, Opening(teacher.objective, precision="bfloat16"))
    assert {p.dtype for p in merged.network.parameters()} == {torch.bfloat16}


def test_layers_that_a_lora_stands_beside_are_made_again(
    world: World, folders: dict[str, Path]
) -> None:
    """A LoRA is nothing without its base, which may have been removed since."""
    resolved = of_pair(world, folders, "bert[layers=1;lora_r=2]", "bert")
    (cell,) = resolved.study.cells()
    before = measured_row(resolved, cell)
    graph, store = graph_of(resolved, cell), resolved.context.store
    assert graph.teacher is not None and graph.student is not None
    for stage in (graph.teacher.initial, *graph.shards, *graph.evaluations):
        record = store.find(stage.key)
        assert record is not None
        store.drop(stage.key, record.folder)
    assert measured_row(resolved, cell).teacher_score == before.teacher_score


def test_a_number_format_of_its_own(world: World, folders: dict[str, Path]) -> None:
    resolved = of_pair(world, folders, "qwen3[dtype=bfloat16;attn_implementation=eager]", "bert")
    (cell,) = resolved.study.cells()
    graph = graph_of(resolved, cell)
    assert graph.teacher is not None and graph.student is not None
    assert graph.teacher.recipe.precision == "bfloat16"
    assert graph.student.recipe.precision == "float32"
    assert 0 <= measured_row(resolved, cell).score <= 1
    network = open_model(graph.teacher, resolved.context).network
    assert network.config._attn_implementation == "eager"


def test_a_target_that_no_layer_is_called_is_found_in_the_dry_run(
    world: World, folders: dict[str, Path]
) -> None:
    message = r"lora_target_modules: found 'query'; its matrices are called .*q_proj"
    with pytest.raises(UserError, match=message):
        of_pair(world, folders, "qwen3[lora_r=2;lora_target_modules=query]", "bert")


def test_sparse_labels_are_measured_with_the_student_that_is_trained(
    world: World, folders: dict[str, Path]
) -> None:
    student = "t5[lora_r=2;dtype=bfloat16]"
    sparse = Representation(kind="sparse", top=300)
    resolved = of_pair(world, folders, "t5", student, representation=sparse)
    (cell,) = resolved.study.cells()
    assert 0 <= measured_row(resolved, cell).score <= 1
    (shard, *_) = graph_of(resolved, cell).shards
    assert shard.sparsity is not None and shard.sparsity.lora is not None
    assert shard.sparsity.recipe.precision == "bfloat16"
    whole = replace(shard.sparsity, lora=None)
    assert host_bytes(shard.sparsity, resolved.context) < host_bytes(whole, resolved.context)


def test_a_large_teacher_with_a_lora_is_trained_by_a_group(
    world: World, folders: dict[str, Path]
) -> None:
    """It needs less than the student as a whole, but only in micro-batches."""
    resolved = of_pair(world, folders, "qwen3[lora_r=1]", "qwen3[layers=1]")
    runtime = RuntimeConfig(gpus_per_worker=1)
    assert Placer.of(resolved.study, runtime).sharded == {"qwen3[lora_r=1]"}


def test_what_a_lora_costs_is_measured_of_a_lora(world: World, folders: dict[str, Path]) -> None:
    name = "qwen3[lora_r=2;dtype=bfloat16]"
    study = of_pair(world, folders, name, "bert").study
    measured = calibrate(study, Execution(), Placer.of(study, RuntimeConfig()), 10**12)
    of_teacher = {cost.operation: cost for cost in measured.unit_costs if cost.model == name}
    assert set(of_teacher) == {"train_step", "label_sequence"}
    assert all("bfloat16" in cost.source for cost in of_teacher.values())
    shape = study.shape(name)
    assert 12 * shape.parameters > 4 * shape.parameters + 16 * shape.trained_parameters
    little = calibrate(study, Execution(), Placer.of(study, RuntimeConfig()), 12 * shape.parameters)
    assert name not in {work.model for work in little.too_large}


def test_models_that_are_made_here_have_none(world: World, folders: dict[str, Path]) -> None:
    with pytest.raises(
        UserError, match=r"^model linear\[lora_r=2\]: linear is made here, and settings"
    ):
        of_pair(world, folders, "bert", "linear[lora_r=2]")
