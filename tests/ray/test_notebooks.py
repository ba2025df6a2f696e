"""The notebooks of `analysis/`, run on a small sweep of the embedded task that is measured here."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from raydoa.cli.configured import add_configuration, configured
from raydoa.experiment.forecast import forecast
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.resolve import resolve
from tests.ray.rows import without_ray

_ROOT = Path(__file__).parents[2]
_NOTEBOOKS = sorted((_ROOT / "analysis").glob("*.ipynb"))
_NARROW = "--strategies annotate distill --n 100 --u 250 500 --budgets 0.5 5 --seeds 0 1"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def result_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README's first command makes, on a part of its grid.

    Its stages are made in this process, so that nobody waits for Ray's to start; the command finds them.
    """
    folder = tmp_path_factory.mktemp("analysis")
    folders = ["--store", str(folder / "store"), "--results", str(folder / "results")]
    flags = [*_NARROW.split(), *folders]
    parser = argparse.ArgumentParser()
    add_configuration(parser, "embedded")
    configuration = configured(parser.parse_args(flags)).configuration
    resolved = resolve(configuration.sweep, configuration.runtime)
    named = resolved.study.sweep
    without_ray(resolved, forecast(resolved.study, grid_cells(named.grid, named.student)))

    command = [sys.executable, str(_ROOT / "sweeps" / "main_grid.py"), *flags]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("path", _NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_found(
    path: Path, result_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYDOA_RESULT_DIR", str(result_dir))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
    )
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    kinds = [set(o.get("data", {})) for cell in notebook.cells for o in cell.get("outputs", [])]
    assert any("image/png" in kind for kind in kinds), "no figure was shown"
    assert any("text/html" in kind for kind in kinds), "no table was shown"


def test_there_are_eight() -> None:
    assert len(_NOTEBOOKS) == 8
