"""Distillation between any two kinds of models: what each pair learns over, and that the whole path runs."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.experiment.result_row import quantity_column
from raydoa.experiment.row_values import checked_row
from raydoa.models.family import Opening
from raydoa.models.meeting import OutputSpace
from raydoa.pipeline.aligned_rows import teacher_tokens
from raydoa.pipeline.beginnings import TakeLayers
from raydoa.pipeline.distill_rows import distill_rows
from raydoa.pipeline.opened_models import open_model
from raydoa.pipeline.stages import Distill
from raydoa.simulation.dry_run import dry_run_lines
from raydoa.training.recipe import Mixing, Recipe, Representation
from tests.shards import rows_of
from tests.unit.checkpoints import write_checkpoint
from tests.unit.decoders import CHAT, SHORT, write_decoder
from tests.unit.encoders import write_encoder
from tests.unit.seq2seqs import write_seq2seq
from tests.unit.world import CLASSES, World, forecast_of, graph_of, measured_row

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
    world: World,
    folders: dict[str, Path],
    teacher: str,
    student: str,
    kind: str = "hidden",
    mixing: Mixing | None = None,
    teacher_epochs: int = 2,
) -> Resolved:
    names = {name.partition("[")[0] for name in (teacher, student)}
    used = {name: str(folders[name]) for name in names if name in folders}
    strategy = "self_distill" if teacher == student else "mixed" if mixing else "distill"
    sweep = world.sweep(
        strategies=(strategy,),
        teachers=(teacher,),
        student=student,
        budgets=(4.0,),
        n=(16,),
        u=(40,),
        student_recipe=RECIPE,
        teacher_recipe=RECIPE.model_copy(update={"epochs": teacher_epochs}),
        distill_recipe=RECIPE,
        prices="2026-11-09",
        accelerator="a100-40gb",
        pretraining=None,
        representation=Representation.model_validate(
            {"kind": kind, **_SPARSE} if kind == "sparse" else {"kind": kind}
        ),
        mixing=mixing or Mixing(),
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


@pytest.mark.parametrize(("model", "cuts"), [("t5", True), ("qwen3", False), ("bert", False)])
def test_targets_that_are_cut_are_told(
    world: World,
    folders: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
    model: str,
    cuts: bool,
) -> None:
    """`YES` has more tokens than `target_length`: a T5 is fine-tuned on text, and others learn classes."""
    resolved = of_pair(world, folders, model, model)
    (cell,) = resolved.study.cells()
    measured_row(resolved, cell)
    told = [r.message for r in caplog.records if "and are cut" in r.message]
    assert (told != []) == cuts
    assert all("targets have more than target_length, 4 tokens" in one for one in told)


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


@pytest.mark.parametrize(
    ("teacher", "student", "over"),
    [
        ("t5", "qwen3", "aligned"),
        ("qwen3", "t5", "aligned"),
        ("t5[lora_r=2]", "qwen3", "aligned"),
        ("qwen3", "bart", "aligned"),
        ("bart", "qwen3", "aligned"),
        ("qwen3", "qwen3", "tokens"),
        ("qwen3", "gemma2", "text"),
    ],
)
def test_tokens_that_meet_are_learnt_where_it_is_asked_for(
    world: World, folders: dict[str, Path], teacher: str, student: str, over: OutputSpace
) -> None:
    from tests.unit.world import write_task

    write_task(world.folder / "task", metric="exact_match", classes=[])
    resolved = of_pair(world, folders, teacher, student, "aligned", teacher_epochs=30)
    (cell,) = resolved.study.cells()
    row = measured_row(resolved, cell)
    assert row.output_space == over
    trained = graph_of(resolved, cell).student
    assert isinstance(trained, Distill) and trained.is_aligned == (over == "aligned")
    record = resolved.context.store.find(trained.key)
    assert record is not None and record.facts.get("aligned_share") == row.aligned_share
    if over != "aligned":
        assert row.aligned_share is None
        return
    assert 0 < row.aligned_share <= 1
    assert checked_row(dict(row)) == dict(row)
    said = "\n".join(dry_run_lines(resolved.study, world.runtime(), forecast_of(resolved)))
    assert f"{student} learns from {teacher}: the text that it writes, and where its tokens" in said


def test_the_share_of_tokens_that_meet_is_that_of_the_students_targets(
    world: World, folders: dict[str, Path]
) -> None:
    """Against the texts of the shards, token by token."""
    from tests.unit.world import write_task

    write_task(world.folder / "task", metric="exact_match", classes=[])
    resolved = of_pair(world, folders, "bart", "qwen3", "aligned", teacher_epochs=30)
    (cell,) = resolved.study.cells()
    row = measured_row(resolved, cell)
    trained, context = graph_of(resolved, cell).student, resolved.context
    assert isinstance(trained, Distill) and trained.teacher is not None
    tokens = teacher_tokens(trained, trained.teacher, context, 300)
    model = open_model(trained.initial, context)
    found = []
    for shard in trained.shards:
        for one in rows_of(context.store.fetch(shard.key)):
            ours = model.target_ids([one.text], trained.form.target_length, [""], 1)[0]
            meets = tokens.alignment.meets(one.text, one.target_ids, ours, student_length=4)
            found += [position >= 0 for position in meets.teacher]
    assert row.aligned_share == pytest.approx(sum(found) / len(found))
    rows, _ = distill_rows(trained, context, model, tokens)
    assert sum(len(example.soft.places) for example in rows) == sum(found)
    # A shard of another tokenizer's tokens than the teacher's is named with both.
    with pytest.raises(
        UserError, match=r"qwen3 are over 300 tokens .* teacher bart .* has 300 of other"
    ):
        distill_rows(trained, context, model, replace(tokens, tokenizer="other"))


def test_gold_rows_teach_beside_tokens_that_meet(world: World, folders: dict[str, Path]) -> None:
    from tests.unit.world import write_task

    write_task(world.folder / "task", metric="exact_match", classes=[])
    for order in ("mixed", "gold_last"):
        resolved = of_pair(
            world, folders, "bart", "qwen3", "aligned", Mixing.model_validate({"gold_order": order}), 30
        )  # fmt: skip
        (cell,) = resolved.study.cells()
        row = measured_row(resolved, cell)
        assert row.output_space == "aligned" and 0 < row.aligned_share < 1
        assert row[quantity_column("labels")] > 0


def test_a_pair_without_a_common_token_learns_the_text(
    world: World, tmp_path: Path, folders: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    from tests.unit.world import write_task

    write_task(world.folder / "task", metric="exact_match", classes=[])
    strange = write_decoder(tmp_path / "strange", chat=None)
    tokenizer = json.loads((strange / "tokenizer.json").read_text())
    tokenizer["decoder"] = {"type": "BPEDecoder", "suffix": "Q"}
    (strange / "tokenizer.json").write_text(json.dumps(tokenizer))
    resolved = of_pair(world, {**folders, "strange": strange}, "t5", "strange", "aligned")
    (cell,) = resolved.study.cells()
    row = measured_row(resolved, cell)
    assert row.output_space == "aligned" and 0 <= row.aligned_share < 0.6
    assert "strange and t5 have no token in common" in caplog.text


def test_a_chat_template_with_no_room_for_a_text_is_one_line(world: World, tmp_path: Path) -> None:
    long = {"qwen3": write_decoder(tmp_path / "long", chat="acid base salt " * 9 + CHAT)}
    resolved = of_pair(world, long, "linear", "qwen3")
    (cell,) = resolved.study.cells()
    with pytest.raises(UserError, match="source_length has no room for a text"):
        measured_row(resolved, cell)
