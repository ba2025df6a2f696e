"""Checkpoints that are damaged or of another model: the steps are taken again, and never from wrong weights."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from raydoa.errors import UserError
from raydoa.training.checkpoints import CheckpointFolder
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.manifest import MANIFEST_FILE, write_manifest
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


def resign(whole: Path, **facts: object) -> None:
    (whole / MANIFEST_FILE).unlink()
    write_manifest(whole, facts)


def garbage(whole: Path) -> None:
    (whole / "engine.safetensors").write_bytes(b"garbage")
    resign(whole, seconds=1.0)


def no_step_counter(whole: Path) -> None:
    tensors = load_file(whole / "engine.safetensors")
    save_file({k: v for k, v in tensors.items() if k != "step.0"}, whole / "engine.safetensors")
    resign(whole, seconds=1.0)


def nothing(whole: Path) -> None:
    (whole / "engine.safetensors").unlink()
    resign(whole, seconds=1.0)


def linked(whole: Path) -> None:
    aside = whole.parent.with_name("aside")
    whole.rename(aside)
    whole.symlink_to(aside)


FORGERIES: list[tuple[Callable[[Path], None], str]] = [
    (lambda whole: resign(whole, seconds=-1.0), "its seconds are no number from 0 on"),
    (lambda whole: resign(whole, seconds="1"), "its seconds are no number from 0 on"),
    (resign, "its seconds are no number from 0 on"),
    (garbage, "it has no weights"),
    (nothing, "it has no weights"),
    (no_step_counter, "it is of a model of another shape"),
    (lambda whole: (whole / "more").symlink_to("/etc/passwd"), "no manifest names its file 'more'"),
    (linked, "a symbolic link is where a folder is needed"),
]


@pytest.mark.parametrize(("forge", "told"), FORGERIES)
def test_a_forged_checkpoint_is_not_gone_on_from(
    build: Build,
    rows: Rows,
    tmp_path: Path,
    forge: Callable[[Path], None],
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With checksums and digest that are right."""
    place = tmp_path / "place"
    train(PlainEngine(Loss(build()), _RECIPE, _STEPS), rows, place)
    forge(place / "steps-3")
    assert train(PlainEngine(Loss(build()), _RECIPE, _STEPS), rows, place) == 0
    assert told in caplog.text and "it is removed, and its steps are taken again" in caplog.text
    assert train(PlainEngine(Loss(build()), _RECIPE, _STEPS), rows, place) == 3
    if forge is linked:
        assert len(list((tmp_path / "aside").iterdir())) == 2, "what it led to stays"


def test_a_folder_that_is_a_link_is_refused(build: Build, rows: Rows, tmp_path: Path) -> None:
    """Older checkpoints would be removed in what it leads to."""
    (tmp_path / "victim" / "steps-1").mkdir(parents=True)
    (tmp_path / "place").symlink_to(tmp_path / "victim")
    with pytest.raises(UserError, match=r"/place: a symbolic link is where a training keeps"):
        train(PlainEngine(Loss(build()), _RECIPE, _STEPS), rows, tmp_path / "place")
    assert [path.name for path in (tmp_path / "victim").iterdir()] == ["steps-1"]


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
