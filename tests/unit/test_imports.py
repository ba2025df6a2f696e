"""Imports point one way: Ray and DeepSpeed stay at the edge, and planning stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import raydoa

_PACKAGE = Path(raydoa.__file__).parent
_EDGE = {"ray", "deepspeed"}


def _imported(path: Path) -> set[str]:
    """Every module that a file names in an import, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names.add(node.module or "")
    return names


_FLOORS = (
    {"errors"},
    {"settings", "plugins", "money"},
    {"store"},
    {"tasks"},
    {"llm", "account"},
    {"training"},
    {"models"},
    {"pipeline", "labels"},
    {"costs"},
    {"strategies"},
    {"experiment"},
    {"search", "simulation"},
    {"report"},
    {"planning", "doctor"},
    {"on_ray"},
    {"api"},
    {"cli"},
)
"""The rooms, from below: each imports from floors under its own."""


def test_imports_point_one_way() -> None:
    floor_of = {room: floor for floor, rooms in enumerate(_FLOORS) for room in rooms}
    for path in _PACKAGE.rglob("*.py"):
        room = path.relative_to(_PACKAGE).parts[0].removesuffix(".py")
        if room == "__init__":
            continue  # The public API, which imports when it is asked.
        for name in _imported(path):
            other = name.split(".")[1] if name.startswith("raydoa.") else room
            if other != room and {other, room} != {"labels", "pipeline"}:
                assert floor_of[other] < floor_of[room], f"{path}: {room} imports {name}"


def test_only_on_ray_imports_ray_and_deepspeed() -> None:
    files = list(_PACKAGE.rglob("*.py"))
    assert len(files) > 40
    knows = {
        path.relative_to(_PACKAGE).parts[0]
        for path in files
        if {name.split(".")[0] for name in _imported(path)} & _EDGE
    }
    assert knows == {"on_ray"}


def test_only_the_command_line_and_the_api_import_on_ray() -> None:
    knows = {
        path.relative_to(_PACKAGE).parts[0]
        for path in _PACKAGE.rglob("*.py")
        if any(name.startswith("raydoa.on_ray") for name in _imported(path))
    }
    assert knows <= {"on_ray", "cli", "api"}


@pytest.mark.parametrize(
    "planning",
    [
        "raydoa.tasks.catalog",
        "raydoa.costs.plan",
        "raydoa.store.store",
        "raydoa.pipeline.stages",
        "raydoa.experiment.trial",
        "raydoa.experiment.forecast",
        "raydoa.experiment.resolve",
        "raydoa.simulation.dry_run",
        "raydoa.pipeline.builder",
        "raydoa.pipeline.build",
        "raydoa.doctor.nodes",
        "raydoa.cli",
        "raydoa.api",
    ],
)
def test_planning_imports_nothing_heavy(planning: str) -> None:
    code = f"import sys, {planning}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in found.stdout.split()}
    assert not loaded & {"ray", "deepspeed", "torch", "transformers", "pandas", "matplotlib"}


def test_the_package_itself_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import raydoa; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if name.startswith("raydoa")} == {"raydoa"}
    assert not {"pydantic", "numpy"} & set(done.stdout.split())
