"""Models of every family as a whole sweep on Ray: teachers under Ray Train and DeepSpeed, labels by Ray Data, students as tasks."""

from pathlib import Path
from typing import Any

import pytest

from raydoa.api import load, run
from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration
from raydoa.experiment.placement import Placer
from raydoa.experiment.resolve import resolve
from raydoa.training.recipe import Recipe, Representation
from tests.unit.decoders import SHORT, write_decoder
from tests.unit.encoders import write_encoder
from tests.unit.seq2seqs import write_seq2seq
from tests.unit.world import write_task

pytestmark = pytest.mark.timeout(900)

RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    return {
        "modernbert": write_encoder(place / "modernbert", "modernbert"),
        "qwen3": write_decoder(place / "qwen3", chat=SHORT),
        "bart": write_seq2seq(place / "bart"),
        "small": write_encoder(
            place / "small", hidden_size=8, num_hidden_layers=1, intermediate_size=8
        ),
    }


@pytest.mark.parametrize("zero_stage", [0, 3])
@pytest.mark.parametrize("teacher", ["modernbert", "qwen3", "bart"])
def test_a_sweep(tmp_path: Path, folders: dict[str, Path], teacher: str, zero_stage: int) -> None:
    """Every teacher is larger than the student, so a worker group trains it."""
    sweep = Sweep(
        name="any",
        grid=Grid(
            tasks=(str(write_task(tmp_path / "task")),), strategies=("annotate", "distill"), budgets=(4.0,), n=(16,),
            u=(40,), teachers=(teacher,), seeds=(0,),
        ),
        student="small",
        student_recipe=RECIPE,
        teacher_recipe=RECIPE,
        distill_recipe=RECIPE,
        representation=Representation(),
        shard_rows=20,
        prices="2026-11-09",
        accelerator="a100-40gb",
        region="us",
    )  # fmt: skip
    runtime: dict[str, Any] = {
        "store": str(tmp_path / "store"),
        "results": str(tmp_path / "results"),
        "models": {name: str(folders[name]) for name in (teacher, "small")},
        "train_workers": 2,
        "zero_stage": zero_stage,
    }
    configuration = Configuration(sweep=sweep, runtime=RuntimeConfig.model_validate(runtime))
    resolved = resolve(configuration.sweep, configuration.runtime)
    assert teacher in Placer.of(resolved.study, configuration.runtime).sharded
    rows = load(run(configuration))
    distilled = rows[rows["strategy"] == "distill"].iloc[0]
    assert distilled["output_space"] == "classes" and 0 <= distilled["score"] <= 1
    assert 0 <= distilled["teacher_score"] <= 1
