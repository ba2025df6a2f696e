"""Checkpoints that are damaged or of another model: the steps are taken again, and never from wrong weights."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from raydoa.training.checkpoints import CheckpointFolder
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.manifest import MANIFEST_FILE
from raydoa.training.recipe import Execution, Recipe
from tests.unit.training.test_fit import Build, Loss, Rows

_RECIPE = Recipe(learning_rate=1e-3, batch_size=8, epochs=1)
_STEPS = 5


def train(engine: PlainEngine, rows: Rows, folder: Path) -> int:
    """Train to the end; returns the step that it began at."""
    return fit(
        engine,
        rows(16),
        batch_size=8,
        steps=_STEPS,
        seed=0,
        execution=Execution(checkpoint_every_steps=3),
        checkpoints=CheckpointFolder(folder),
    ).first_step


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def no_manifest(path: Path) -> None:
    path.write_text(json.dumps({"files": {}, "facts": {"seconds": 0}}))


CASES: list[tuple[str, Callable[[Path], None]]] = [
    *[(name, damage) for name in ("engine.safetensors", MANIFEST_FILE) for damage in (flip, truncate, Path.unlink)],
    (MANIFEST_FILE, deep),
    (MANIFEST_FILE, no_manifest),
]  # fmt: skip


@pytest.mark.parametrize(("name", "damage"), CASES)
def test_a_damaged_checkpoint_is_not_gone_on_from(
    build: Build,
    rows: Rows,
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    straight = build()
    train(PlainEngine(Loss(straight), _RECIPE, _STEPS), rows, tmp_path / "straight")
    assert train(PlainEngine(Loss(build()), _RECIPE, _STEPS), rows, tmp_path / "place") == 0
    assert not caplog.messages
    damage(tmp_path / "place" / "steps-3" / name)
    again = build()
    assert train(PlainEngine(Loss(again), _RECIPE, _STEPS), rows, tmp_path / "place") == 0
    [told] = caplog.messages
    assert "steps-3: " in told and name in told
    assert told.endswith("; it is removed, and its steps are taken again")
    for ours, theirs in zip(again.parameters(), straight.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert train(PlainEngine(Loss(build()), _RECIPE, _STEPS), rows, tmp_path / "place") == 3


def test_the_checkpoint_before_a_damaged_one_is_gone_on_from(
    build: Build, rows: Rows, tmp_path: Path
) -> None:
    """There are two where a process was killed before it had removed the older one."""
    train(PlainEngine(Loss(build()), _RECIPE, _STEPS), rows, tmp_path)
    shutil.copytree(tmp_path / "steps-3", tmp_path / "steps-4")
    flip(tmp_path / "steps-4" / "engine.safetensors")
    assert train(PlainEngine(Loss(build()), _RECIPE, _STEPS), rows, tmp_path) == 3


def test_a_checkpoint_of_another_model_changes_nothing(
    build: Build, rows: Rows, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(PlainEngine(Loss(build()), _RECIPE, _STEPS), rows, tmp_path)
    other = build(d_model=32)
    before = [p.detach().clone() for p in other.parameters()]
    engine = PlainEngine(Loss(other), _RECIPE, _STEPS)
    assert CheckpointFolder(tmp_path).restore(engine) == 0
    assert "it is of a model of another shape; it is removed" in caplog.text
    assert all(map(torch.equal, other.parameters(), before))
