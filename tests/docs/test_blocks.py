"""What docs/api.md and the README show runs: Python, YAML, and command lines of sweeps as dry runs."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from raydoa.api import dry_run
from raydoa.cli import main, sweep_main

_ROOT = Path(__file__).parents[2]
_API = "docs/api.md"
_BLOCK = re.compile(
    r"(?P<skipped><!-- not run: [^\n]*-->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```",
    re.DOTALL | re.MULTILINE,
)


def _blocks(file: str, kind: str) -> Iterator[str]:
    """The blocks of a kind, but for those that are marked as not to run."""
    for block in _BLOCK.finditer((_ROOT / file).read_text(encoding="utf-8")):
        if block["kind"] == kind and block["skipped"] is None:
            yield block["text"]


def _commands(file: str, program: str) -> list[str]:
    """The arguments of a program, for each of its lines in a file."""
    lines = [
        line for block in _blocks(file, "") for line in block.replace("\\\n", " ").splitlines()
    ]
    return [line.removeprefix(program) for line in lines if line.startswith(program)]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_ROOT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.mark.parametrize("block", list(_blocks(_API, "python")))
def test_python(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block, _API, "exec"), {})
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("block", list(_blocks(_API, "yaml")))
def test_yaml(block: str, tmp_path: Path) -> None:
    path = tmp_path / "my_sweep.yaml"
    path.write_text(block)
    assert "unique stages after sharing" in dry_run(path)


@pytest.mark.parametrize("arguments", _commands(_API, "python sweeps/main_grid.py "))
def test_a_sweep_of_a_file(
    arguments: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep_main("embedded", _in(tmp_path, arguments)) == 0
    assert "unique stages after sharing" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", _commands(_API, "raydoa plan "))
def test_a_plan_of_a_file(
    arguments: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *_in(tmp_path, arguments)]) == 0
    assert "measure before you buy" in capsys.readouterr().out


def _in(folder: Path, arguments: str) -> list[str]:
    """The arguments, with the YAML files that they name in a folder."""
    (folder / "my_sweep.yaml").write_text(next(_blocks(_API, "yaml")))
    return [
        str(folder / word) if word in ("my_sweep.yaml", "complete.yaml") else word
        for word in shlex.split(arguments)
    ]


@pytest.mark.parametrize(
    "arguments",
    [line for line in _commands("README.md", "python sweeps/main_grid.py ") if "--dry-run" in line],
)
def test_a_dry_run_in_the_readme(
    arguments: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(arguments)
    task = "tickets.yaml"
    if task in words:
        words[words.index(task)] = str(_tickets(tmp_path))
    if "DATA" in words:
        words[words.index("DATA")] = str(tmp_path)
    assert sweep_main("embedded", words) == 0
    assert "unique stages after sharing" in capsys.readouterr().out


def _tickets(folder: Path) -> Path:
    """The README's task, whose rows nobody has."""
    path = folder / "tickets.yaml"
    path.write_text(next(_blocks("README.md", "yaml")))
    return path


def test_the_shipped_sweep_is_priced() -> None:
    text = dry_run("sweeps/my_sweep.yaml")
    assert text.startswith("sweep tickets-") and "CANNOT BE REACHED" not in text
