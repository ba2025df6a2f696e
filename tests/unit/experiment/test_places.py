"""Where a sweep writes: full disks, and a store that cannot be written."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.experiment.search_accounting import existing_units
from tests.contract.stored import forge
from tests.unit.experiment.conftest import distillation
from tests.unit.world import World, builder_of, measure_all


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_store_is_told_and_loses_nothing(world: World, small_disk: Path) -> None:
    resolved = resolve(
        world.sweep(strategies=("distill",), n=(8,), u=(20,), budgets=(1.0,)),
        world.runtime(store=str(small_disk / "store")),
    )
    with pytest.raises(UserError, match=r"^[^\n]*disk/store: no space left [^\n]*run again[^\n]*$"):
        measure_all(resolved)
    made = dict(resolved.context.store.verify())
    assert made and not any(made.values())


def test_a_full_scratch_disk_is_told(
    resolved: Resolved, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, student = distillation(resolved)
    builder_of(resolved, plan).build(student.teacher.initial)
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    (small_disk / "filler").write_bytes(bytes(200_000))  # The weights do not fit.
    with pytest.raises(UserError, match=r"disk \(TMPDIR\): no space left for what is being made"):
        builder_of(resolved, plan).build(student)
    assert all(problem is None for _, problem in resolved.context.store.verify())
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler"]


@pytest.mark.parametrize("folder", ["../victim", "{outside}", "", ".", "data"])
def test_a_forged_record_costs_a_sweep_that_artifact_alone(
    resolved: Resolved, tmp_path: Path, folder: str
) -> None:
    """Wherever it says that its files lie, though its digest is right: nothing is removed there."""
    rows, store = measure_all(resolved), resolved.context.store
    plan, student = distillation(resolved)
    victim = tmp_path / "victim" / "precious"
    victim.parent.mkdir()
    victim.write_text("precious")
    record = store.find(student.key)
    assert record is not None
    others = {key: store.find(key) for key in store.keys() if key != student.key}
    forge(store, record, folder=folder.format(outside=victim.parent))
    assert existing_units([plan], resolved.study, store), "a search goes on, too"
    again = measure_all(resolved)
    for name in ("score", "cost_total", "cost_incurred"):
        assert [row[name] for row in again.values()] == [row[name] for row in rows.values()]
    assert victim.read_text() == "precious"
    assert {key: store.find(key) for key in others} == others
    assert all(problem is None for _, problem in store.verify())


def test_a_newer_store_is_refused(resolved: Resolved) -> None:
    store = Path(resolved.context.store.url)
    store.mkdir()
    (store / "store.json").write_text('{"schema": 99}')
    with pytest.raises(UserError, match=r"store schema 99, .* upgrade raydoa, or use another"):
        measure_all(resolved)
    assert [path.name for path in store.iterdir()] == ["store.json"]
