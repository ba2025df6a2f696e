"""`sweeps/allocation_search.py` on a cluster of its own: killed and run again, and with trials that fail."""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raydoa.api.search import Searching, search_setup
from raydoa.cli import search
from raydoa.cli.configured import configured
from raydoa.costs.plan import plan_from_json
from raydoa.experiment.trial import measure
from raydoa.report.results import load
from raydoa.search.setup import cell_of
from tests.ray.rows import numbers, plain_builder
from tests.ray.tiny import Tiny
from tests.ray.watching import until

pytestmark = pytest.mark.timeout(900)

_PLANS = 4
"""Of the grid: without a teacher, or with 100, 200 or 400 pool rows."""


@dataclass(frozen=True)
class Driver:
    """Runs a search of a tiny task, in a process group of its own."""

    tiny: Tiny
    folder: Path
    ray_folder: Path
    searcher: str = "grid"
    limit: float = 3
    budget: str = "0.6"

    @property
    def flags(self) -> list[str]:
        """Of a search that measures two cells at a time."""
        models = [f"{name}={self.tiny.model(name)}" for name in ("small", "large")]
        return [
            "--config", "nano", "--task", str(self.tiny.task_yaml),
            "--budget", self.budget, "--limit", str(self.limit), "--n", "16", "--teachers", "large", "--student", "small",
            "--seeds", "0", "--test-rows", "16", "--searcher", self.searcher, "--set", "concurrent_trials=2",
            *[part for name in ("teacher", "student", "distill") for part in ("--set", f"{name}_recipe.epochs=1")],
            "--model", models[0], "--model", models[1],
            "--store", str(self.folder / "store"), "--results", str(self.folder / "results"),
        ]  # fmt: skip

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "sweeps/allocation_search.py", *self.flags],
            env=os.environ | {"RAY_TMPDIR": str(self.ray_folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def log(self) -> list[dict[str, Any]]:
        """The whole lines of the search's log."""
        lines = []
        for path in self.folder.glob("results/*/search.jsonl"):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def processes(self) -> list[str]:
        """Everything that runs on behalf of this driver's Ray."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"RAY_TMPDIR={self.ray_folder}\0".encode() in path.read_bytes():
                    command = path.with_name("cmdline").read_bytes().split(b"\0")
                    found.append(f"{path.parent.name} {b' '.join(command[:4]).decode()}")
            except OSError:
                continue  # It is gone, or not ours.
        return found


@pytest.fixture
def ray_folder(_own_place: None) -> Iterator[Path]:
    """A short folder for the driver's own Ray."""
    folder = Path(os.environ["RAY_TMPDIR"]) / "s"
    folder.mkdir(exist_ok=True)
    yield folder


def _ended(driver: Driver) -> None:
    until(lambda: f"the end of {driver.processes()}", lambda: not driver.processes())


def _steps(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for entry in log if "asked" in entry or "told" in entry]


def _without_ray(driver: Driver, log: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows of what a log has asked, as plain PyTorch in this process makes them, by plan."""
    parser = argparse.ArgumentParser()
    search.add(parser)
    options = parser.parse_args(driver.flags)
    asked = Searching(options.searcher, options.objective, options.limit)
    setup, _ = search_setup(configured(options), asked)
    builder, space = plain_builder(setup.resolved), setup.space
    rows = {}
    for entry in log:
        if "asked" in entry:
            plan = plan_from_json(entry["asked"])
            [row] = measure(plan, [cell_of(plan, space)], {}, setup.resolved.study, builder)
            rows[row["plan"]] = row
    return rows


def test_killed_and_run_again(tiny: Tiny, tmp_path: Path, ray_folder: Path) -> None:
    """kill -9 in the middle of the proposed search: the same command measures what was pending, and goes on."""
    driver = Driver(tiny, tmp_path / "killed", ray_folder, "cost_aware", limit=3e-4)
    first = driver.start()

    def in_the_middle() -> bool:
        counted = Counter(
            name for entry in driver.log() for name in ("asked", "told") if name in entry
        )
        return counted["told"] >= 2 and counted["asked"] > counted["told"]

    until("a search in the middle", in_the_middle, seconds=400)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    _ended(driver)
    before = driver.log()
    assert not any("stopped" in entry for entry in before)

    second = driver.start()
    out, err = second.communicate()
    assert second.returncode == 0, err
    after = driver.log()
    assert after[: len(before)] == before, "nothing is forgotten or told otherwise"
    told = Counter(entry["told"] for entry in after if "told" in entry)
    asked = [n for n, entry in enumerate(_steps(after)) if "asked" in entry]
    assert told == Counter(asked), "each proposal is told once"
    assert sum("stopped" in entry for entry in after) == 1

    result_dir = Path(out.splitlines()[-1])
    assert " for $0.60 with N = 16 labels owned: " in out
    assert "predicted score" in out and "it stopped: " in out
    rows = load(result_dir)
    table = pd.read_csv(result_dir / "cells.csv")
    assert len(rows) == len(table) == len(told)
    assert (result_dir / "score_against_cost.png").exists()
    spent = sum(entry["cost_usd"] for entry in after if "told" in entry)
    expected = sum(entry["cost_usd"] for entry in after if "asked" in entry)
    assert spent == pytest.approx(expected, abs=1e-5), "what was asked for is what it took"
    assert spent <= driver.limit
    assert rows["cost_incurred"].sum() == pytest.approx(spent, abs=1e-6 * len(rows)), (
        "of a pool that two trials made, each part is rounded up"
    )

    others = _without_ray(Driver(tiny, tmp_path / "alone", ray_folder, "cost_aware"), after)
    for row in rows.to_dict("records"):
        assert numbers(row) == pytest.approx(numbers(others[row["plan"]]), rel=1e-6)

    again, err = (process := driver.start()).communicate()
    assert process.returncode == 0, err
    assert again == out and err == "", "a finished search is read back, without Ray"


def test_trials_that_fail(tiny_poisoned: Tiny, tmp_path: Path, ray_folder: Path) -> None:
    """They are told with what they cost, and the search goes on to its end."""
    driver = Driver(tiny_poisoned, tmp_path, ray_folder, budget="0.4")  # Too little for a label.
    process = driver.start()
    out, err = process.communicate()
    assert process.returncode == 0, err
    told = [entry for entry in driver.log() if "told" in entry]
    failed = [entry for entry in told if entry["score"] is None]
    assert len(told) == _PLANS
    assert failed and len(failed) < _PLANS
    assert all(entry["cost_usd"] > 0 and "failed" in entry["why"] for entry in failed)
    assert f"{_PLANS} measured, {len(failed)} of them failed" in out
    result_dir = Path(out.splitlines()[-1])
    assert len(load(result_dir)) == _PLANS - len(failed)
    assert "the grid is measured" in out
    _ended(driver)
