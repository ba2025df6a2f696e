"""Models of every family as a whole sweep on Ray: teachers under Ray Train and DeepSpeed, labels by Ray Data, students as tasks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from raydoa.api import load, run
from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration
from raydoa.experiment.placement import Placer
from raydoa.experiment.resolve import resolve
from raydoa.training.recipe import Recipe, Representation
from tests.unit.checkpoints import write_checkpoint
from tests.unit.decoders import SHORT, write_decoder
from tests.unit.encoders import write_encoder
from tests.unit.seq2seqs import write_multilingual, write_seq2seq
from tests.unit.world import write_task

pytestmark = pytest.mark.timeout(1800)

RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=2)
_ONE_LAYER = {"hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 8}
_WRITTEN: dict[str, Callable[[Path], Path]] = {
    # Teachers, each larger than all students, so a worker group trains them.
    "modernbert": lambda folder: write_encoder(folder, "modernbert", hidden_size=128),
    "deberta-v2": lambda folder: write_encoder(folder, "deberta-v2", hidden_size=128),
    "qwen3": lambda folder: write_decoder(folder, chat=SHORT, hidden_size=32),
    "llama": lambda folder: write_decoder(folder, "llama", chat=None, hidden_size=32),
    "bart": lambda folder: write_seq2seq(folder, d_model=32),
    "mt5": lambda folder: write_multilingual(folder, "mt5"),
    "t5-v1_1": lambda folder: write_checkpoint(folder, d_model=32, vocabulary_size=400),
    # Students: of another tokenizer than the teachers of their family, but for T5's.
    "bert-small": lambda folder: write_encoder(folder, seed=1, **_ONE_LAYER),
    "qwen3-small": lambda folder: write_decoder(folder, words=1, chat=SHORT, seed=1, **_ONE_LAYER),
    "bart-small": lambda folder: write_seq2seq(
        folder, seed=1, d_model=8, encoder_layers=1, encoder_ffn_dim=8, decoder_ffn_dim=8
    ),
    "t5-small": lambda folder: write_checkpoint(folder, d_model=8, seed=1),
}


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    place = tmp_path_factory.mktemp("models")

    def folder(name: str) -> Path:
        return place / name if (place / name).exists() else _WRITTEN[name](place / name)

    return folder


def _rows(
    place: Path,
    folder_of: Callable[[str], Path],
    teachers: tuple[str, ...],
    student: str,
    zero_stage: int,
    **task: Any,
) -> dict[str, Any]:
    """By teacher, the row of its distillation: trained by a group, labels by a pool of actors, the student as a task, scored."""
    sweep = Sweep(
        name="any",
        grid=Grid(
            tasks=(str(write_task(place / "task", **task)),), strategies=("annotate", "distill"), budgets=(4.0,),
            n=(16,), u=(40,), teachers=teachers, seeds=(0,),
        ),
        student=student,
        student_recipe=RECIPE,
        teacher_recipe=RECIPE,
        distill_recipe=RECIPE,
        representation=Representation(),
        shard_rows=20,
        allow=("cut-targets",),
        prices="2026-11-09",
        accelerator="a100-40gb",
        region="us",
    )  # fmt: skip
    runtime: dict[str, Any] = {
        "store": str(place / "store"),
        "results": str(place / "results"),
        "models": {name: str(folder_of(name)) for name in (*teachers, student)},
        "train_workers": 2,
        "zero_stage": zero_stage,
    }
    configuration = Configuration(sweep=sweep, runtime=RuntimeConfig.model_validate(runtime))
    resolved = resolve(configuration.sweep, configuration.runtime)
    assert set(teachers) == Placer.of(resolved.study, configuration.runtime).sharded
    rows = load(run(configuration))
    assert set(rows["status"]) == {"measured"} and rows["score"].between(0, 1).all()
    distilled = rows[rows["strategy"] == "distill"].set_index("teacher")
    assert distilled["teacher_score"].between(0, 1).all()
    return {teacher: distilled.loc[teacher] for teacher in teachers}


@pytest.mark.parametrize(
    ("student", "zero_stage", "teachers"),
    [
        ("bert-small", 3, ("modernbert", "qwen3", "bart", "mt5")),
        ("bart-small", 0, ("modernbert", "qwen3", "t5-v1_1")),
        ("qwen3-small", 0, ("deberta-v2", "bart")),
        ("qwen3-small", 3, ("llama",)),
    ],
)
def test_over_classes(
    tmp_path: Path,
    folder_of: Callable[[str], Path],
    student: str,
    zero_stage: int,
    teachers: tuple[str, ...],
) -> None:
    """From an encoder, a causal model and a seq2seq into each of the three."""
    rows = _rows(tmp_path, folder_of, teachers, student, zero_stage)
    assert {row["output_space"] for row in rows.values()} == {"classes"}


def test_free_text(tmp_path: Path, folder_of: Callable[[str], Path]) -> None:
    """Between two tokenizers the teacher's text; with one, its distribution over each token."""
    task: dict[str, Any] = {"metric": "exact_match", "classes": []}
    rows = _rows(tmp_path, folder_of, ("llama", "mt5"), "t5-small", 2, **task)
    found = {teacher: row["output_space"] for teacher, row in rows.items()}
    assert found == {"llama": "text", "mt5": "tokens"}
