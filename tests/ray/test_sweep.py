"""A sweep on Ray Tune: more trials than CPUs, the same rows as without Ray, and nothing made twice."""

import os
from pathlib import Path

import pandas as pd
import pytest

from raydoa.experiment.config import RuntimeConfig, Sweep
from raydoa.experiment.forecast import Forecast, forecast
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.experiment.result_row import DRIVER_FILE
from raydoa.on_ray.sweep import run_sweep
from raydoa.report.beside import read_beside
from raydoa.report.best_within_budget import budgets_of
from raydoa.report.examples.gather import gather
from raydoa.report.results import load
from tests.ray.rows import numbers, records, without_ray
from tests.ray.tiny import Tiny

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("standing_cluster")]


def _planned(sweep: Sweep, runtime: RuntimeConfig) -> tuple[Resolved, Forecast]:
    resolved = resolve(sweep, runtime)
    named = resolved.study.sweep
    return resolved, forecast(resolved.study, grid_cells(named.grid, named.student))


def _run(sweep: Sweep, runtime: RuntimeConfig) -> pd.DataFrame:
    resolved, expected = _planned(sweep, runtime)
    return load(run_sweep(resolved, runtime, expected))


@pytest.fixture(scope="module")
def finished(
    tiny: Tiny, tmp_path_factory: pytest.TempPathFactory, standing_cluster: None
) -> tuple[Sweep, RuntimeConfig, pd.DataFrame]:
    """A sweep whose trials want two-worker groups, pools of up to two actors and tasks at the same time.

    Two teachers, each shared by two cells, whose pools are one part of the other.
    """
    strategies = ("annotate", "distill", "mixed")
    sweep = tiny.sweep(strategies=strategies, label_shares=(0.5,), u=(10, 20))
    runtime = tiny.runtime(
        tmp_path_factory.mktemp("sweep"), train_workers=2, zero_stage=1, concurrent_trials=4
    )
    return sweep, runtime, _run(sweep, runtime)


def test_rows_are_those_of_one_process(
    tiny: Tiny, finished: tuple[Sweep, RuntimeConfig, pd.DataFrame], tmp_path: Path
) -> None:
    """More trials than CPUs end, and Ray and DeepSpeed change no number."""
    sweep, _, rows = finished
    assert len(rows) == 5 and rows["feasible"].all()
    assert (rows[rows["strategy"] == "mixed"]["labels"] > 0).all()
    resolved, expected = _planned(sweep, tiny.runtime(tmp_path))
    alone = without_ray(resolved, expected)
    for row in rows.to_dict("records"):
        assert numbers(row) == pytest.approx(numbers(alone[row["cell"]]), rel=1e-6)
        assert row["key_evaluation"] == alone[row["cell"]]["key_evaluation"]
    incurred = pytest.approx(expected.incurred_usd)
    assert rows["cost_incurred"].sum() == incurred, "shared stages are paid once"
    assert rows["cost_incurred"].sum() < rows["cost_total"].sum()
    assert rows["key_teacher"].nunique() == 2


def test_what_lies_beside_the_rows(finished: tuple[Sweep, RuntimeConfig, pd.DataFrame]) -> None:
    _, runtime, rows = finished
    [result_dir] = Path(runtime.results).glob(f"*/{DRIVER_FILE}")
    found = read_beside([str(result_dir.parent)])
    assert found.stores == (runtime.store,) and found.gaps == ()
    assert [look.task for look in found.looks] == rows["task"].unique().tolist()
    examples = gather(rows, budgets_of(rows), found.stores, texts=True)
    assert examples["pairs"] and examples["why"] is None


def test_a_second_run_reads_the_rows_back(
    finished: tuple[Sweep, RuntimeConfig, pd.DataFrame],
) -> None:
    sweep, runtime, rows = finished
    before = records(runtime)
    pd.testing.assert_frame_equal(_run(sweep, runtime), rows)
    assert records(runtime) == before


def test_a_larger_u_makes_only_the_new_shards(
    tiny: Tiny, finished: tuple[Sweep, RuntimeConfig, pd.DataFrame]
) -> None:
    _, runtime, rows = finished
    first = rows[(rows["strategy"] == "distill") & (rows["u"] == 20)]
    before = records(runtime)
    second = _run(tiny.sweep(strategies=("distill",), u=(50,)), runtime)
    after = records(runtime)
    assert before.items() <= after.items()
    assert sorted(after[key].kind for key in after.keys() - before.keys()) == [
        "distill", "evaluate", *["pseudo_label"] * 3,
    ]  # fmt: skip
    assert second["key_teacher"].tolist() == first["key_teacher"].tolist()
    assert second["cost_teacher"].tolist() == first["cost_teacher"].tolist(), "standalone: in full"
    assert second["cost_incurred"].item() < second["cost_total"].item()


def test_the_driver_says_what_trials_and_workers_warn_of(
    tiny: Tiny,
    finished: tuple[Sweep, RuntimeConfig, pd.DataFrame],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once, under their loggers' names: a trial of a damaged artifact and of one that is gone, a task of a checkpoint."""
    _, runtime, rows = finished
    resolved, expected = _planned(tiny.sweep(u=(10,)), runtime)
    store = resolved.context.store
    graphs = {c.strategy: resolved.study.graph(plan) for c, plan in expected.cells.items()}
    student, evaluation = graphs["annotate"].student, graphs["annotate"].evaluations[0]
    store.drop(evaluation.key)  # So that the student is read.
    weights = store.fetch(student.key) / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    store.drop(graphs["distill"].teacher.key)
    train = Path(runtime.results) / resolved.study.sweep_id / "train"
    checkpoint = train / f"fine_tune-{student.key[:20]}" / "steps-1"
    checkpoint.mkdir(parents=True)
    result_dir = run_sweep(resolved, runtime, expected)
    told = sorted((record.name, record.getMessage()) for record in caplog.records)
    gone, damaged, passed_over = told
    cell = next(cell for cell in expected.cells if cell.strategy == "distill")
    assert gone[0] == "raydoa.experiment.trial"
    assert gone[1].startswith(f"{cell.name}: gone from the store: teacher; ")
    assert damaged[0] == "raydoa.pipeline.builder"
    assert damaged[1].startswith(f"fine_tune small: artifact {student.key} is damaged: ")
    assert passed_over[0] == "raydoa.training.checkpoints"
    assert passed_over[1].startswith(f"{checkpoint}: ")
    again = load(result_dir)
    assert set(again["key_evaluation"]) <= set(rows["key_evaluation"]), "and the rows are the same"
