"""Tasks with entities: encoders tag the source's tokens, T5s write the text form, and each learns from the other."""

import json
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.models.meeting import OutputSpace
from raydoa.tasks.metrics.entities import parse_entities
from raydoa.training.recipe import Recipe
from tests.unit.checkpoints import write_checkpoint
from tests.unit.encoders import write_encoder
from tests.unit.world import World, measured_row, rows, write_task

TYPES = ("Reagent", "Action")
KIND = {
    **dict.fromkeys(("acid", "base", "salt", "water"), "Reagent"),
    **dict.fromkeys(("heat", "cool", "mix", "spin"), "Action"),
}
RECIPE = Recipe(learning_rate=5e-3, batch_size=8, epochs=12)


@pytest.fixture
def tagging(tmp_path: Path) -> World:
    task = write_task(tmp_path / "task", metric="entity_f1", classes=list(TYPES), target_length=24)
    for part, count, seed in (("train", 100, 0), ("test", 12, 1)):
        lines = []
        for row in rows(count, seed):
            words = row["source"].split()
            target = " ".join(f"{word} [{KIND[word]}]" for word in words if word in KIND)
            lines.append(json.dumps({"source": row["source"], "target": target}))
        (tmp_path / "task" / f"{part}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return World(tmp_path, task)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("models")
    return {
        "t5": str(write_checkpoint(place / "t5")),
        "bert": str(write_encoder(place / "bert")),
        "small": str(write_encoder(place / "small", num_hidden_layers=1)),
        "modernbert": str(write_encoder(place / "modernbert", "modernbert", seed=1)),
    }


def of_pair(world: World, folders: dict[str, str], teacher: str, student: str) -> Resolved:
    sweep = world.sweep(
        strategies=("distill",), teachers=(teacher,), student=student, budgets=(4.0,), n=(40,), u=(40,),
        student_recipe=RECIPE, teacher_recipe=RECIPE, distill_recipe=RECIPE,
        prices="2026-11-09", accelerator="a100-40gb", pretraining=None,
    )  # fmt: skip
    used = {name: folders[name] for name in (teacher, student) if name in folders}
    return resolve(sweep, world.runtime(models=used))


@pytest.mark.parametrize(
    ("teacher", "student", "over"),
    [
        ("bert", "small", "classes"),
        ("bert", "modernbert", "text"),
        ("bert", "t5", "text"),
        ("t5", "bert", "text"),
    ],
)
def test_every_pair_runs_and_says_over_what(
    tagging: World, folders: dict[str, str], teacher: str, student: str, over: OutputSpace
) -> None:
    resolved = of_pair(tagging, folders, teacher, student)
    (cell,) = resolved.study.cells()
    row = measured_row(resolved, cell)
    assert row.output_space == over
    assert row.score > 0.5 or "t5" in (teacher, student), "a word's tag is that of the word"
    record = resolved.context.store.find(row.key_evaluation)
    assert record is not None
    written = resolved.context.store.fetch(row.key_evaluation) / "predictions.jsonl"
    predictions = [json.loads(line)["prediction"] for line in written.read_text().splitlines()]
    if student != "t5":
        kinds = {kind for text in predictions for _, kind in parse_entities(text, TYPES)}
        assert kinds <= set(TYPES)


def test_a_linear_model_tags_nothing(tagging: World, folders: dict[str, str]) -> None:
    with pytest.raises(
        UserError, match=r"^model linear, task tiny: a linear model gives a row one"
    ):
        of_pair(tagging, folders, "bert", "linear")
