"""The sweep command on a tiny task and a Ray of its own, in a process group of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.presets import preset
from tests.ray.tiny import Tiny
from tests.ray.watching import processes_with


@dataclass(frozen=True)
class Driver:
    """Runs `sweeps/main_grid.py`.

    Attributes:
        tiny: the task and the checkpoints.
        folder: of the results, and of the store unless that is another.
        ray_folder: a short folder for its Ray.
        u: rows of the pool that are labelled.
        store: of the sweep.
    """

    tiny: Tiny
    folder: Path
    ray_folder: Path
    u: int
    store: Path | None = None

    def runtime(self) -> RuntimeConfig:
        """As the command has it."""
        store = self.store or self.folder / "store"
        return self.tiny.runtime(self.folder, store=str(store))

    @property
    def arguments(self) -> list[str]:
        """Of the sweep."""
        runtime = self.runtime()
        models = [f"{name}={self.tiny.model(name)}" for name in ("small", "large")]
        return [
            "--config", "nano", "--task", str(self.tiny.task_yaml),
            "--strategies", "annotate", "distill", "--budgets", "5", "--n", "16", "--u", str(self.u),
            "--teachers", "large", "--student", "small", "--seeds", "0", "--test-rows", "16",
            "--model", models[0], "--model", models[1], "--store", runtime.store, "--results", runtime.results,
        ]  # fmt: skip

    def start(self) -> subprocess.Popen[str]:
        """Begin the sweep."""
        return subprocess.Popen(
            [sys.executable, "sweeps/main_grid.py", *self.arguments],
            env=os.environ | {"RAY_TMPDIR": str(self.ray_folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[int]:
        """Everything that runs on behalf of this driver's Ray."""
        return [process.pid for process in processes_with(f"RAY_TMPDIR={self.ray_folder}")]

    def workers(self, title: str) -> list[psutil.Process]:
        """Processes of this driver's Ray by what they call themselves."""
        named = processes_with(f"RAY_TMPDIR={self.ray_folder}")
        return [process for process in named if " ".join(process.cmdline()).startswith(title)]


def sweep_of(tiny: Tiny, u: int) -> Sweep:
    """What the command line says, as a configuration."""
    grid = {
        "tasks": (str(tiny.task_yaml),), "strategies": ("annotate", "distill"), "budgets": (5.0,), "n": (16,),
        "u": (u,), "teachers": ("large",), "seeds": (0,),
    }  # fmt: skip
    nano = preset("nano").sweep
    changes = {"grid": Grid.model_validate(grid), "student": "small", "test_rows": 16}
    return nano.model_copy(update=changes)


@contextmanager
def ray_folders(*names: str) -> Iterator[list[Path]]:
    """Short folders for drivers' own Rays."""
    folders = [Path(os.environ["RAY_TMPDIR"]) / name for name in names]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    yield folders
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
