"""A sweep logs to a real MLflow server, and writes TensorBoard's files; both are read back by their own clients."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from ray.tune.experiment import Trial
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from raydoa.costs.items import ITEMS
from raydoa.errors import UserError
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.forecast import forecast
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.resolve import resolve
from raydoa.experiment.result_row import columns_of
from raydoa.on_ray.sweep import run_sweep
from raydoa.on_ray.trackers import Trackers, check_trackers, measured_numbers
from raydoa.report.results import load
from tests.ray.rows import without_ray
from tests.ray.tiny import Tiny
from tests.ray.watching import until


@dataclass(frozen=True)
class Server:
    """A server of MLflow's on this machine."""

    uri: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """The children too."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """With its runs in a file, and its URI where users put it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    uri = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port,
               "--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"]  # fmt: skip
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=tmp_path,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,  # It has children, which are to end with it.
        )
    started = Server(uri, process)
    try:
        until("an answer of MLflow's server", lambda: _answers(started))
        yield started
    finally:
        started.kill()


def _answers(server: Server) -> bool:
    assert server.process.poll() is None, "MLflow's server has ended"
    try:
        with urllib.request.urlopen(f"{server.uri}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False


@pytest.mark.usefixtures("standing_cluster")
def test_a_sweep_in_mlflow_and_tensorboard(
    tiny: Tiny, tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = tiny.runtime(tmp_path, trackers=("mlflow", "tensorboard"))
    resolved = resolve(tiny.sweep(strategies=("annotate",), n=(12, 16)), runtime)
    study = resolved.study
    cells = grid_cells(study.sweep.grid, study.sweep.student)
    names = {cell: f"{cell.name}-{study.plan_id(study.plan(cell))}" for cell in cells}
    client = MlflowClient(server.uri)
    experiment = client.create_experiment(study.sweep_id)
    interrupted = client.create_run(
        experiment, run_name=names[cells[0]]
    ).info  # As by a killed process.
    assert interrupted.status == "RUNNING"

    without_ray(resolved, forecast(study, cells))  # Nobody waits for trainings.
    rows = load(run_sweep(resolved, runtime, forecast(study, cells))).set_index("cell")

    runs = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert len(rows) == 2 and runs.keys() == set(names.values())
    assert runs[names[cells[0]]].info.run_id == interrupted.run_id
    for cell in cells:
        run, row = runs[names[cell]], rows.loc[cell.name]
        assert run.info.status == "FINISHED"
        assert run.data.params["trial/task"] == "tiny"
        assert run.data.params["trial/n"] == str(cell.n)
        _same_numbers(run.data.metrics, row)
        (folder,) = Path(runtime.results, study.sweep_id).glob(f"{cell.name}-*")
        files = EventAccumulator(str(folder)).Reload()
        tags = files.Tags()["scalars"]
        _same_numbers(
            {tag.removeprefix("ray/tune/"): files.Scalars(tag)[-1].value for tag in tags}, row
        )

    again = load(run_sweep(resolved, runtime, forecast(study, cells))).set_index("cell")
    pd.testing.assert_frame_equal(again, rows)
    assert len(client.search_runs([experiment])) == 2, "a finished run is logged once"
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def _same_numbers(logged: dict[str, float], row: "pd.Series[object]") -> None:
    for name in ("score", "score_low", "cost_total", "cost_incurred", "kgco2e", "labels"):
        assert logged[name] == pytest.approx(row[name]), name
    assert logged["feasible"] == 1.0
    assert not {"seed", "budget", "pid", "teacher_score"} & logged.keys()


def test_a_tracker_that_fails_is_dropped(
    tiny: Tiny, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (cell,) = grid_cells(tiny.sweep(strategies=("annotate",)).grid, "small")
    trial = Trial(
        "f",
        stub=True,
        config={"trial": {"cells": json.dumps([asdict(cell)]), "id": "0"}},
        trial_name_creator=lambda _: cell.name,
    )
    trackers = Trackers(("mlflow",), "a-sweep")
    trackers.setup()
    trackers.on_trial_start(0, [trial], trial)
    server.kill()
    for _ in range(2):
        trackers.on_trial_result(1, [trial], trial, {"cost_total": 1.0, "training_iteration": 1})
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warning.getMessage().startswith("mlflow failed and is not used any more in this run")


def test_a_tracker_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # As where it is not installed.
    with pytest.raises(UserError) as raised:
        check_trackers(("tensorboard", "wandb"))
    assert str(raised.value) == (
        'trackers: wandb needs the package wandb, which is not installed; pip install "raydoa[wandb]"'
    )


def test_nothing_is_tracked_by_default() -> None:
    assert RuntimeConfig().trackers == ()


def test_an_unaffordable_cell_has_no_score() -> None:
    """Nor is the cell, which is in the parameters; text and what there is not have no number."""
    row = dict.fromkeys(columns_of(ITEMS.names())) | {
        "feasible": False,
        "infeasible_reason": "poor",
        "labels": 0,
        "n": 5,
    }
    result = {**row, "training_iteration": 1, "pid": 7, "config": {"cell": {}}}
    assert measured_numbers(result) == {"feasible": 0.0, "labels": 0.0, "training_iteration": 1}


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Nobody listens there.
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(UserError, match=f"trackers: MLflow at {uri} does not answer") as raised:
            check_trackers(("mlflow",))
    assert "\n" not in str(raised.value)
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
