"""Commands import what they use: help hardly anything, and none of them a second of torch, Ray or statistics in vain."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from raydoa.report.results import write_cells
from tests.unit.report.conftest import grid

_CODE = (
    "import sys; from raydoa.cli import main\n"
    "try: code = main(sys.argv[1:])\n"
    "except SystemExit as ended: code = ended.code\n"
    "print(*sys.modules, file=sys.stderr); sys.exit(code)"
)
_SLOW = {"ray", "deepspeed", "torch", "transformers", "datasets", "matplotlib", "mlflow", "optuna"}
_PLAN = ("plan", "--n", "100", "--budget", "5")
_DRY_RUN = ("sweep", "--dry-run", "--n", "100", "--budget", "50", "--seed", "0")


def _imported(*arguments: str) -> set[str]:
    """The modules that are there when a command has ended; what it writes to standard error stands among them."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", _CODE, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return set(ran.stderr.split())


def test_help_imports_no_command() -> None:
    names = _imported("--help")
    assert {name for name in names if name.startswith("raydoa.")} == {"raydoa.cli", "raydoa.errors"}
    assert not names & {"pydantic", "numpy", "yaml"}


def test_a_command_imports_no_other() -> None:
    commands = {name for name in _imported(*_PLAN) if name.startswith("raydoa.cli.")}
    assert commands == {"raydoa.cli.plan", "raydoa.cli.configured", "raydoa.cli.flags"}


@pytest.mark.parametrize(
    "arguments",
    [
        _PLAN,
        (*_PLAN, "--config", "paper", "--task", "wlp"),
        _DRY_RUN,
        (*_DRY_RUN, "--config", "paper", "--task", "wlp"),
    ],
    ids=["plan", "plan-paper", "dry-run", "dry-run-paper"],
)
def test_what_is_only_priced_needs_neither_tables_nor_statistics(arguments: tuple[str, ...]) -> None:  # fmt: skip
    names = _imported(*arguments)
    assert not names & {*_SLOW, "pandas", "pyarrow", "scipy"}
    assert "huggingface_hub.file_download" not in names, "the hub is not to be asked"


def test_a_report_needs_no_pictures(tmp_path: Path) -> None:
    """The page draws its own."""
    write_cells(grid(), tmp_path)
    names = _imported("report", str(tmp_path))
    assert (tmp_path / "report.html").is_file()
    assert not names & {*_SLOW, "scipy.stats"}
