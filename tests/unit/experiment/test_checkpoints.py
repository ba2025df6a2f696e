"""The whole path with T5 checkpoints of one's own, named with --model NAME=FOLDER."""

from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.pipeline.beginnings import Checkpoint
from raydoa.pipeline.stages import ChooseSparsity
from raydoa.training.recipe import Recipe, Representation
from tests.unit.checkpoints import write_checkpoint
from tests.unit.world import World, forecast_of, measure_all


def resolved(world: World, folders: dict[str, Path], **changes: object) -> Resolved:
    sweep = world.sweep(
        **{
            "strategies": ("annotate", "distill"),
            "student": "small",
            "teachers": ("large",),
            "n": (16,),
            "u": (20, 40),
            "budgets": (2.0,),
            "pretraining": None,
            "prices": "2026-11-09",
            **changes,
        }
    )
    models = {name: str(folder) for name, folder in folders.items()}
    return resolve(sweep, world.runtime(models=models))


@pytest.mark.parametrize("untied", [True, False], ids=["v1.1", "original"])
@pytest.mark.parametrize("tokenizer_json", [False, True], ids=["spiece", "json"])
def test_checkpoints_as_student_and_teacher(
    world: World, untied: bool, tokenizer_json: bool
) -> None:
    """The teacher's tokenizer is a file of the other kind, with sentinels; its ids mean the same."""
    folders = {
        "small": write_checkpoint(world.folder / "s", untied=untied),
        "large": write_checkpoint(world.folder / "l", untied=untied, d_model=32, tokenizer_json=tokenizer_json),
    }  # fmt: skip
    found = resolved(world, folders)
    assert found.study.unreachable == ()
    assert isinstance(found.study.inputs("tiny").initial["small"], Checkpoint)
    rows = measure_all(found)
    assert set(found.context.store.keys()) <= set(forecast_of(found).stages)
    for row in rows.values():
        assert row.feasible and row.score is not None and row.key_student is not None
        losses = found.context.store.find(row.key_student)
        assert losses is not None and losses.facts["losses"]


def test_bfloat16_from_end_to_end(world: World) -> None:
    folders = {
        "small": write_checkpoint(world.folder / "s"),
        "large": write_checkpoint(world.folder / "l", d_model=32),
    }
    recipe = Recipe(learning_rate=3e-3, batch_size=8, epochs=1, precision="bfloat16")
    recipes = dict.fromkeys(("student_recipe", "teacher_recipe", "distill_recipe"), recipe)
    for row in measure_all(resolved(world, folders, u=(20,), **recipes)).values():
        assert row.score is not None


def test_a_sparse_representation_from_end_to_end(world: World) -> None:
    folders = {
        "small": write_checkpoint(world.folder / "s"),
        "large": write_checkpoint(world.folder / "l", d_model=32, seed=1),
    }
    found = resolved(
        world,
        folders,
        strategies=("distill",),
        representation=Representation(kind="sparse", top=8),
    )
    rows = measure_all(found)
    records = [found.context.store.find(key) for key in found.context.store.keys()]
    kinds = [record.kind for record in records if record is not None]
    assert kinds.count(ChooseSparsity.kind) == 1 and kinds.count("pseudo_label") == 2
    [chosen] = [r for r in records if r is not None and r.kind == ChooseSparsity.kind]
    assert chosen.facts["cosine"] >= 0.99
    for record in records:
        if record is not None and record.kind == "pseudo_label":
            assert record.facts["cosine"] == chosen.facts["cosine"]
            assert record.facts["samples"] == chosen.facts["samples"]
    assert all(row.score is not None for row in rows.values())
    assert set(found.context.store.keys()) == set(forecast_of(found).stages)


def test_self_distillation_of_a_checkpoint(world: World) -> None:
    folders = {"small": write_checkpoint(world.folder / "s")}
    found = resolved(world, folders, strategies=("self_distill",), u=(20,))
    [row] = measure_all(found).values()
    assert (row.teacher, row.student) == ("small", "small")
    assert row.teacher_score is not None and row.cost_pseudo_labels > 0


def test_an_edited_folder_is_another_model(world: World) -> None:
    small = write_checkpoint(world.folder / "s")
    large = write_checkpoint(world.folder / "l", d_model=32)
    before = resolved(world, {"small": small, "large": large})
    write_checkpoint(small, seed=7)
    after = resolved(world, {"small": small, "large": large})
    assert before.study.sweep_id != after.study.sweep_id
    assert (
        before.study.inputs("tiny").initial["large"] == after.study.inputs("tiny").initial["large"]
    )
    assert (
        before.study.inputs("tiny").initial["small"] != after.study.inputs("tiny").initial["small"]
    )


def test_where_vocabularies_differ_the_classes_are_learnt(world: World) -> None:
    small = write_checkpoint(world.folder / "s")
    other = write_checkpoint(world.folder / "o", d_model=32)
    text = [f"{word} other words" for word in ("alpha", "beta", "gamma")]
    from raydoa.models.seq2seq.tokenizer import train_sentencepiece

    train_sentencepiece(text * 9, 40).save(other)
    apart = resolved(world, {"small": small, "large": other}).study.inputs("tiny")
    assert apart.meetings["large", "small"].output_space == "classes"
    nano = resolve(
        world.sweep(teachers=("large",), strategies=("distill",)),
        world.runtime(models={"large": str(small)}),
    ).study.inputs("tiny")
    assert nano.meetings["large", "nano-s"].output_space == "classes"
    same = resolved(world, {"small": small, "large": small}).study.inputs("tiny")
    assert same.meetings["large", "small"].output_space == "tokens"


def test_where_heads_differ_the_classes_are_learnt(world: World) -> None:
    folders = {
        "small": write_checkpoint(world.folder / "s"),
        "large": write_checkpoint(world.folder / "l", vocabulary_size=128),
    }
    inputs = resolved(world, folders).study.inputs("tiny")
    assert inputs.meetings["large", "small"].output_space == "classes"


def test_a_folder_for_a_model_that_nobody_asked_for(world: World) -> None:
    small = write_checkpoint(world.folder / "s")
    with pytest.raises(
        UserError, match=r"--model smal=...: no model of this sweep, whose student is small"
    ):
        resolved(world, {"smal": small})


def test_a_folder_goes_before_a_nano_model_of_the_same_name(world: World) -> None:
    folder = write_checkpoint(world.folder / "s")
    sweep = world.sweep(strategies=("annotate",))
    found = resolve(sweep, world.runtime(models={"nano-s": str(folder)}))
    assert isinstance(found.study.inputs("tiny").initial["nano-s"], Checkpoint)


def test_annotation_alone_needs_no_teacher(world: World) -> None:
    folders = {"small": write_checkpoint(world.folder / "s")}
    assert resolved(world, folders, strategies=("annotate",)).study.unreachable == ()
    with pytest.raises(
        UserError, match="^model large: the hub cannot be reached .* cannot be priced either"
    ):
        resolved(world, folders)
