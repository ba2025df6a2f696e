"""The look at a sweep's rows: taken once, in tokens of its models, and what it allows."""

import json

import pytest

from raydoa.errors import UserError
from raydoa.experiment.resolve import resolve
from raydoa.simulation.dry_run import dry_run_lines
from raydoa.tasks.synthetic import LEXICON
from tests.unit.checkpoints import write_checkpoint
from tests.unit.world import TRAIN, World, forecast_of, rows, write_rows


def test_rows_are_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from raydoa.experiment import resolve_tasks

    asked: list[str] = []
    read = resolve_tasks.task_rows
    monkeypatch.setattr(resolve_tasks, "task_rows", lambda spec, root: asked.append(spec.name) or read(spec, root))  # fmt: skip
    resolved = world.resolved()
    lines = list(dry_run_lines(resolved.study, world.runtime(), forecast_of(resolved)))
    assert asked == ["tiny"]
    assert "task tiny: 100 labelled rows, 12 test rows" in lines


def test_lengths_are_counted_in_tokens_of_the_models(world: World) -> None:
    models = {"mine": str(write_checkpoint(world.folder / "m"))}
    sweep = world.sweep(student="mine", strategies=("annotate",))
    resolved = world.resolved(sweep, models=models)
    (look,) = (task.look for task in resolved.study.tasks.values())
    assert look is not None
    said = "\n".join(look.lines())
    assert "tokens of mine: train sources " in said and "of mine than target_length (4" in said
    with pytest.raises(UserError, match="class 'YES' has more tokens of mine than target_length .*--allow cut-targets"):  # fmt: skip
        world.resolved(sweep.model_copy(update={"allow": ()}), models=models)


def test_test_rows_in_train(world: World) -> None:
    folder = world.task.parent
    write_rows(folder / "train.jsonl", [*rows(TRAIN), *rows(12, 1)])
    sweep = world.sweep()
    (left,) = world.resolved(sweep).study.tasks.values()
    allowed = sweep.model_copy(update={"allow": ("cut-targets", "test-in-train")})
    (kept,) = world.resolved(allowed).study.tasks.values()
    assert (left.train_rows, kept.train_rows) == (TRAIN, TRAIN + 12)
    assert left.data.key != kept.data.key
    lines = [line for line in kept.look.lines() if "stand in train" in line] if kept.look else []
    assert len(lines) == 1


def test_what_is_allowed_does_not_change_the_embedded_task(world: World) -> None:
    grid = {"tasks": ("lexicon",), "n": (8,), "u": (20,)}
    sweep = world.sweep(**grid, allow=("test-in-train",))
    (task,) = resolve(sweep, world.runtime()).study.tasks.values()
    assert task.spec == LEXICON and task.train_rows == 14_000 and task.look is None


def test_an_annotation_is_paid_as_often_as_a_label_takes(world: World) -> None:
    """Two say of each row what it is."""
    records = [
        {"data": {"text": row["source"]}, "predictions": [], "annotations": [
            {"was_cancelled": False, "result": [{"type": "choices", "value": {"choices": [row["target"]]}}]}
        ] * 2} for row in rows(TRAIN)
    ]  # fmt: skip
    (world.task.parent / "train.json").write_text(json.dumps(records))
    values = json.loads(world.task.read_text()) | {"train": "train.json"}
    world.task.write_text(json.dumps(values))
    assert world.resolved().study.unit_costs.book.label_usd("tiny") == 1.0
    values["label_price"]["per"] = "label"
    world.task.write_text(json.dumps(values))
    assert world.resolved().study.unit_costs.book.label_usd("tiny") == 0.5
