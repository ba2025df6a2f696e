"""The command itself on a cluster of its own: killed and run again, failing, and what a terminal sees."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from raydoa.experiment.forecast import forecast
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.resolve import resolve
from raydoa.report.results import load
from tests.ray.driver import Driver, ray_folders, sweep_of
from tests.ray.rows import numbers, plain_builder, records, without_ray
from tests.ray.tiny import Tiny
from tests.ray.watching import held, until
from tests.unit.world import graph_of

pytestmark = pytest.mark.timeout(600)

_PROGRESS = re.compile(
    r"priced at \$[\d.]+; .*|\[\d\d:\d\d\] \d/2 trials; running: .*; what is left is priced at \$[\d.]+; .*left.*"
)


@pytest.fixture
def ray_folder(_own_place: None) -> Iterator[Path]:
    """A short folder for the driver's own Ray."""
    with ray_folders("d") as [folder]:
        yield folder


def test_killed_and_run_again(tiny: Tiny, tmp_path: Path, ray_folder: Path) -> None:
    """kill -9 of the driver's whole process group; the same command goes on, and makes nothing twice."""
    driver = Driver(tiny, tmp_path, ray_folder, u=40)
    running = driver.runtime()
    first = driver.start()
    until(
        "a fine-tuned model",
        lambda: any(r.kind == "fine_tune" for r in records(running).values()),
        seconds=300,
    )
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    until("the end of its Ray", lambda: not driver.processes())
    before = records(running)
    assert not any(record.kind == "distill" for record in before.values()), "in the middle"

    second = driver.start()
    out, err = second.communicate()
    assert second.returncode == 0, err
    after = records(running)
    assert before.items() <= after.items(), "same attempts, same times"
    _check_quiet(err)

    sweep = sweep_of(tiny, u=40)
    resolved = resolve(sweep, tiny.runtime(tmp_path / "alone"))
    result_dir = tmp_path / "results" / resolved.study.sweep_id
    assert out.splitlines()[-1] == str(result_dir)
    named = resolved.study.sweep
    expected = forecast(resolved.study, grid_cells(named.grid, named.student))
    alone = without_ray(resolved, expected)
    rows = load(result_dir)
    assert len(rows) == len(alone) == 2
    for row in rows.to_dict("records"):
        assert numbers(row) == pytest.approx(numbers(alone[row["cell"]]), rel=1e-6)
    assert rows["cost_incurred"].sum() == pytest.approx(expected.incurred_usd)
    assert pd.read_csv(result_dir / "cells.csv")["score"].tolist() == rows["score"].tolist()


def test_a_failing_stage(tiny_poisoned: Tiny, tmp_path: Path, ray_folder: Path) -> None:
    """One clear line, exit code 2, and what was made stays: the teacher too, which is made before, without Ray."""
    running = tiny_poisoned.runtime(tmp_path)
    resolved = resolve(sweep_of(tiny_poisoned, u=400), running)
    named = resolved.study.sweep
    (cell,) = [c for c in grid_cells(named.grid, named.student) if c.strategy == "distill"]
    teacher = graph_of(resolved, cell).evaluations[1]
    assert teacher is not None
    plain_builder(resolved).build(teacher)
    driver = Driver(tiny_poisoned, tmp_path, ray_folder, u=400)
    process = driver.start()
    out, err = process.communicate()
    assert process.returncode == 2, err
    assert out == ""
    *progress, last = err.splitlines()
    assert last.startswith("raydoa: 1 of 2 trials failed; finished stages stay in ")
    assert "row pool-200 cannot be labelled: the model's states are not finite; mend or" in last
    _check_quiet("\n".join(progress))
    kinds = [record.kind for record in records(running).values()]
    assert sorted(kinds) == ["evaluate", "evaluate", "fine_tune", "fine_tune", "task_data"]
    until("the end of its Ray", lambda: not driver.processes())


@pytest.mark.parametrize("fault", ["GCS", "SIGTERM", "two signals"])
def test_an_end_in_one_line(tiny: Tiny, tmp_path: Path, ray_folder: Path, fault: str) -> None:
    """The cluster dies, or the run is stopped, in the middle of a stage: one line, the exit code, and nobody is left."""
    driver = Driver(tiny, tmp_path, ray_folder, u=400)
    process = driver.start()
    running = tiny.runtime(tmp_path)
    until("a stage", lambda: process.poll() is not None or bool(records(running)))
    if fault == "GCS":
        for child in psutil.Process(process.pid).children():
            if child.name() == "gcs_server":
                child.kill()
    elif fault == "SIGTERM":
        process.send_signal(signal.SIGTERM)
    else:
        # Tune has taken the first when it writes its state for the last time; then it waits for its trials to end.
        with held(driver.workers("ray::ImplicitFunc")):
            before = _states_of_tune(tmp_path)
            process.send_signal(signal.SIGTERM)
            until("Tune's last state", lambda: _states_of_tune(tmp_path) != before)
            process.send_signal(signal.SIGINT)
            process.wait()
    out, err = process.communicate()
    *progress, last = err.splitlines()
    code, said = {
        "GCS": (1, r"Ray's control store \(GCS\) \(process \d+\) died; finished stages stay in "),
        "SIGTERM": (130, r"stopped with \d of 2 trials done; the same command goes on from there"),
        "two signals": (130, r"stopped at once; finished stages stay in "),
    }[fault]
    assert process.returncode == code, err
    assert re.match(f"raydoa: {said}", last)
    assert out == ""
    _check_quiet("\n".join(progress))
    until("the end of its Ray", lambda: not driver.processes())


def _states_of_tune(folder: Path) -> dict[Path, int]:
    """When Tune has written each of its files."""
    found = folder.glob("results/*/experiment_state-*.json")
    return {path: path.stat().st_mtime_ns for path in found}


def _check_quiet(err: str) -> None:
    strange = [line for line in err.splitlines() if not _PROGRESS.fullmatch(line)]
    assert strange == [], "nothing but our own progress reaches the terminal"
