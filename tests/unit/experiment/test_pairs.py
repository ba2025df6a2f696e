"""Distillation between any two kinds of models: what each pair learns over, and that the whole path runs."""

from itertools import product
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.experiment.result_row import quantity_column
from raydoa.models.family import Opening
from raydoa.models.meeting import OutputSpace
from raydoa.pipeline.beginnings import TakeLayers
from raydoa.pipeline.opened_models import open_model
from raydoa.pipeline.stages import Distill
from raydoa.training.recipe import Recipe, Representation
from tests.unit.checkpoints import write_checkpoint
from tests.unit.decoders import CHAT, SHORT, write_decoder
from tests.unit.encoders import write_encoder
from tests.unit.seq2seqs import write_seq2seq
from tests.unit.world import CLASSES, World, graph_of, measured_row

RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=2)
_SPARSE = {"top": 300}
"""Nearly all tokens: teachers that were trained for a moment are sure of nothing."""
MODELS = ("t5", "bart", "bert", "modernbert", "linear", "qwen3")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    return {
        "t5": write_checkpoint(place / "t5"),
        "bart": write_seq2seq(place / "bart"),
        "bert": write_encoder(place / "bert"),
        "modernbert": write_encoder(place / "modernbert", "modernbert", seed=1),
        "qwen3": write_decoder(place / "qwen3", chat=SHORT),
        "gemma2": write_decoder(place / "gemma2", "gemma2", chat=SHORT),
    }


def of_pair(
    world: World, folders: dict[str, Path], teacher: str, student: str, kind: str = "hidden"
) -> Resolved:
    names = {name.partition("[")[0] for name in (teacher, student)}
    used = {name: str(folders[name]) for name in names if name in folders}
    strategy = "self_distill" if teacher == student else "distill"
    sweep = world.sweep(
        strategies=(strategy,),
        teachers=(teacher,),
        student=student,
        budgets=(4.0,),
        n=(16,),
        u=(40,),
        student_recipe=RECIPE,
        teacher_recipe=RECIPE,
        distill_recipe=RECIPE,
        prices="2026-11-09",
        accelerator="a100-40gb",
        pretraining=None,
        representation=Representation.model_validate(
            {"kind": kind, **_SPARSE} if kind == "sparse" else {"kind": kind}
        ),
    )
    return resolve(sweep, world.runtime(models=used))


@pytest.mark.parametrize(("teacher", "student"), list(product(MODELS, MODELS)))
def test_every_pair_runs_and_says_over_what(
    world: World, folders: dict[str, Path], teacher: str, student: str
) -> None:
    resolved = of_pair(world, folders, teacher, student)
    (cell,) = resolved.study.cells()
    over: OutputSpace = "tokens" if teacher == student in ("t5", "bart") else "classes"
    assert resolved.study.inputs("tiny").meetings[teacher, student].output_space == over
    row = measured_row(resolved, cell)
    assert row.output_space == over and 0 <= row.score <= 1
    trained = graph_of(resolved, cell).student
    assert isinstance(trained, Distill)
    assert {shard.representation.kind for shard in trained.shards} == {
        "hidden" if over == "tokens" else "classes"
    }


@pytest.mark.parametrize(
    ("teacher", "student"), [("bert", "t5"), ("linear", "bert"), ("bert", "linear")]
)
def test_text_is_learnt_where_it_is_asked_for(
    world: World, folders: dict[str, Path], teacher: str, student: str
) -> None:
    resolved = of_pair(world, folders, teacher, student, "text")
    (cell,) = resolved.study.cells()
    assert measured_row(resolved, cell).output_space == "text"


@pytest.mark.parametrize(
    ("teacher", "student"),
    [("bert", "t5"), ("qwen3", "bert"), ("bert", "qwen3"), ("bart", "linear"), ("linear", "bart")],
)
def test_gold_rows_teach_beside_classes(
    world: World, folders: dict[str, Path], teacher: str, student: str
) -> None:
    """Each student learns them in its own way: a class by its head, or the text of the target."""
    used = {name: str(folders[name]) for name in (teacher, student) if name in folders}
    sweep = world.sweep(
        strategies=("mixed",), teachers=(teacher,), student=student, budgets=(4.0,), n=(16,), u=(40,),
        student_recipe=RECIPE, teacher_recipe=RECIPE, distill_recipe=RECIPE,
        prices="2026-11-09", accelerator="a100-40gb", pretraining=None,
    )  # fmt: skip
    resolved = resolve(sweep, world.runtime(models=used))
    (cell,) = resolved.study.cells()
    row = measured_row(resolved, cell)
    assert (
        row.output_space == "classes" and row[quantity_column("labels")] > 0 and 0 <= row.score <= 1
    )


def test_text_that_is_no_class_teaches_a_classifier_nothing(
    world: World, folders: dict[str, Path]
) -> None:
    resolved = of_pair(world, folders, "t5", "bert", "text")
    (cell,) = resolved.study.cells()
    with pytest.raises(UserError, match=r"^bert: no label of t5 is one of the task's classes"):
        measured_row(resolved, cell)


def test_a_t5_learns_classes_from_a_t5_if_asked_to(world: World, folders: dict[str, Path]) -> None:
    resolved = of_pair(world, folders, "t5", "t5", "classes")
    (cell,) = resolved.study.cells()
    assert measured_row(resolved, cell).output_space == "classes"


@pytest.mark.parametrize("kind", ["bert", "modernbert", "qwen3"])
def test_a_student_made_of_a_teachers_layers(
    world: World, folders: dict[str, Path], kind: str
) -> None:
    resolved = of_pair(world, folders, kind, f"{kind}[layers=1]")
    (cell,) = resolved.study.cells()
    row = measured_row(resolved, cell)
    assert row.student == f"{kind}[layers=1]" and row.output_space == "classes"
    shapes = [resolved.study.shape(name).parameters for name in (kind, row.student)]
    assert shapes[1] < shapes[0]
    trained = graph_of(resolved, cell).student
    assert isinstance(trained, Distill) and isinstance(trained.initial, TakeLayers)
    record = resolved.context.store.find(trained.initial.key)
    assert record is not None and record.facts["layers"] == [1]
    model = open_model(trained, resolved.context, Opening(trained.objective))
    assert model.network.config.num_hidden_layers == 1


def test_a_decoder_with_a_head_for_classes(world: World, folders: dict[str, Path]) -> None:
    resolved = of_pair(world, folders, "qwen3", "qwen3[kind=encoder;layers=0]")
    (cell,) = resolved.study.cells()
    row = measured_row(resolved, cell)
    assert row.output_space == "classes"
    trained = graph_of(resolved, cell).student
    assert isinstance(trained, Distill)
    network = open_model(trained, resolved.context, Opening(trained.objective)).network
    assert type(network).__name__ == "Qwen3ForSequenceClassification"
    assert network.score.out_features == len(CLASSES)


@pytest.mark.parametrize(
    ("student", "message"),
    [
        ("bert[layers=2]", r"layer 2 was chosen; it has layers 0 to 1"),
        ("bert[layers=1,0]", r"^model bert\[layers=1,0\]: layers: .*layers rise"),
        ("bert[layers=x]", r"^model bert\[layers=x\]: layers"),
        ("bert[layer=1]", r"layer: unknown field; known are .*did you mean 'layers'"),
        ("bert[layers]", r"expected each setting once, as setting=value"),
        ("bert[layers=1", r"^model 'bert\[layers=1': expected NAME or NAME\[setting=value"),
        ("bert[kind=enc]", r"kind: .*known are seq2seq, encoder"),
        ("t5[layers=0]", r"layers can be chosen of an encoder or a decoder"),
    ],
)
def test_a_name_that_asks_for_what_there_is_not(
    world: World, folders: dict[str, Path], student: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        of_pair(world, folders, "bert", student)
    assert not (world.folder / "store").exists()


@pytest.mark.parametrize("model", ["bert", "linear"])
def test_a_model_that_cannot_learn_the_task_is_refused_before_anything_is_made(
    world: World, folders: dict[str, Path], model: str
) -> None:
    from tests.unit.world import write_task

    write_task(world.folder / "task", metric="exact_match", classes=[])
    with pytest.raises(UserError, match=rf"^model {model}, task tiny: an? (encoder|linear)"):
        of_pair(world, folders, "t5", model)
    assert not (world.folder / "store").exists()


def test_the_linear_floor_learns(world: World) -> None:
    recipe = Recipe(learning_rate=3e-3, batch_size=8, epochs=20)
    sweep = world.sweep(
        strategies=("annotate",), student="linear", budgets=(40.0,), n=(16,), student_recipe=recipe,
        prices="2026-11-09", accelerator="a100-40gb", pretraining=None,
    )  # fmt: skip
    resolved = resolve(sweep, world.runtime())
    (cell,) = resolved.study.cells()
    assert measured_row(resolved, cell).score > 0.9 and len(CLASSES) == 2


@pytest.mark.parametrize(
    ("teacher", "student", "kind", "over"),
    [
        ("qwen3", "qwen3", "hidden", "tokens"),
        ("qwen3", "qwen3", "sparse", "tokens"),
        ("qwen3", "t5", "hidden", "text"),
        ("t5", "qwen3", "hidden", "text"),
        ("gemma2", "gemma2", "hidden", "text"),
        ("qwen3", "gemma2", "hidden", "text"),
    ],
)
def test_decoders_learn_free_text(
    world: World, folders: dict[str, Path], teacher: str, student: str, kind: str, over: OutputSpace
) -> None:
    from tests.unit.world import write_task

    write_task(world.folder / "task", metric="exact_match", classes=[])
    resolved = of_pair(world, folders, teacher, student, kind)
    (cell,) = resolved.study.cells()
    assert measured_row(resolved, cell).output_space == over
    trained = graph_of(resolved, cell).student
    assert isinstance(trained, Distill)
    kept = kind if over == "tokens" else "text"
    assert {shard.representation.kind for shard in trained.shards} == {kept}


def test_a_chat_template_with_no_room_for_a_text_is_one_line(world: World, tmp_path: Path) -> None:
    long = {"qwen3": write_decoder(tmp_path / "long", chat="acid base salt " * 9 + CHAT)}
    resolved = of_pair(world, long, "linear", "qwen3")
    (cell,) = resolved.study.cells()
    with pytest.raises(UserError, match="source_length has no room for a text"):
        measured_row(resolved, cell)
