"""Two sweeps on one machine and one store, each with a Ray of its own: neither makes what the other makes or has made."""

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from raydoa.experiment.forecast import Forecast, forecast
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.pipeline.file_locks import FileLocks
from raydoa.report.results import load
from raydoa.store.lock_file import is_held
from raydoa.store.store import Store
from tests.ray.driver import Driver, ray_folders, sweep_of
from tests.ray.rows import records
from tests.ray.tiny import Tiny
from tests.ray.watching import held, until
from tests.unit.world import graph_of

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def drivers(tiny: Tiny, tmp_path: Path) -> Iterator[list[Driver]]:
    """Of sweeps that share all but the pool rows beyond 20 and what comes of them."""
    with ray_folders("a", "b") as folders:
        store = tmp_path / "store"
        yield [
            Driver(tiny, tmp_path / str(u), folder, u, store)
            for folder, u in zip(folders, (40, 20), strict=True)
        ]


def _resolved(driver: Driver) -> Resolved:
    return resolve(sweep_of(driver.tiny, driver.u), driver.runtime())


def _expected(driver: Driver) -> Forecast:
    study = _resolved(driver).study
    return forecast(study, grid_cells(study.sweep.grid, study.sweep.student))


def _check_nothing_was_paid_twice(drivers: Sequence[Driver]) -> None:
    both = [_expected(driver) for driver in drivers]
    stages = {key: stage.cost_usd for each in both for key, stage in each.stages.items()}
    labels = sum(trial.purchased_usd for each in both for trial in each.trials.values())
    incurred = 0.0
    for driver in drivers:
        rows = load(driver.folder / "results" / _resolved(driver).study.sweep_id)
        assert len(rows) == 2 and set(rows["status"]) == {"measured"}
        incurred += rows["cost_incurred"].sum()
    assert incurred == pytest.approx(sum(stages.values()) + labels, abs=1e-5)
    logs = [path for driver in drivers for path in driver.ray_folder.rglob("worker-*.err")]
    assert logs and not [p for p in logs if "was made twice" in p.read_text(errors="replace")]


def _is_waited_for(lock: Path) -> bool:
    """Whether a process stands in the kernel's queue for a lock."""
    inode = f":{lock.stat().st_ino} "
    lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    return any("-> FLOCK" in line and inode in line for line in lines)


def test_begun_together(drivers: list[Driver]) -> None:
    processes = [driver.start() for driver in drivers]
    for process in processes:
        _, err = process.communicate()
        assert process.returncode == 0, err
    _check_nothing_was_paid_twice(drivers)


def test_one_is_killed(drivers: list[Driver]) -> None:
    """While it trains the teacher: the other, which waits for that, trains it; and its own next run finds it."""
    first, second = drivers
    resolved = _resolved(first)
    study = resolved.study
    (cell,) = [
        cell
        for cell in grid_cells(study.sweep.grid, study.sweep.student)
        if cell.strategy == "distill"
    ]
    teacher = graph_of(resolved, cell).teacher
    assert teacher is not None
    running = first.runtime()
    lock = FileLocks(Store(running.store)).path(teacher.key)
    killed = first.start()
    until("the teacher's lock", lambda: is_held(lock))
    until("the teacher's workers", lambda: bool(first.workers("ray::RayTrainWorker")))
    with held(first.workers("ray::RayTrainWorker")):
        goes_on = second.start()
        until("that the other waits", lambda: _is_waited_for(lock))
        assert teacher.key not in records(running)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
    _, err = goes_on.communicate()
    assert goes_on.returncode == 0, err
    before = records(running)
    assert before[teacher.key].provenance["made_for"]["sweep"] == _resolved(second).study.sweep_id
    until("the end of the first one's Ray", lambda: not first.processes())
    again = first.start()
    _, err = again.communicate()
    assert again.returncode == 0, err
    assert before.items() <= records(running).items(), "same attempts, same times"
    _check_nothing_was_paid_twice(drivers)
