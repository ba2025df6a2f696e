"""`raydoa store ls | verify | gc` on the store of a sweep."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from raydoa.store.store import Store
from tests.unit.cli.conftest import Run
from tests.unit.conftest import Measured
from tests.unit.world import Row, measure_all

Refused = Callable[..., str]


@pytest.fixture
def store(measured: Measured, tmp_path: Path) -> Path:
    return Path(shutil.copytree(measured.world.folder / "store", tmp_path / "store"))


def write_results(rows: list[Row], folder: Path) -> Path:
    """A result dir as Tune leaves it."""
    for row in rows:
        (folder / row.cell).mkdir(parents=True)
        (folder / row.cell / "result.json").write_text(json.dumps(row) + "\n")
    return folder


def spoiled(store: Path, kind: str) -> str:
    """Spoil a file of an artifact; returns its key."""
    record = next(r for _, r in Store(str(store)).records() if getattr(r, "kind", "") == kind)
    path = next(p for p in (store / record.folder).iterdir() if p.stat().st_size)
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    return record.key


def test_ls(run: Run, store: Path, measured: Measured) -> None:
    ran = run("store", "ls", store)
    lines = ran.out.splitlines()
    assert ran.code == 0 and len(lines) == len(measured.expected.stages) + 1
    assert lines[-1].startswith(f"{len(lines) - 1} artifacts, ")
    few = run("store", "ls", store, "--kind", "pseudo_label").out.splitlines()
    assert len(few) == 1 + sum(
        s.label.startswith("pseudo_label") for s in measured.expected.stages.values()
    )
    assert all("pseudo_label" in line and "rows=20" in line for line in few[:-1])


def test_verify(run: Run, refused: Refused, store: Path, measured: Measured) -> None:
    assert ", 0 damaged, in " in run("store", "verify", store).out
    key = spoiled(store, "fine_tune")
    said = refused("store", "verify", store)
    assert "1 of 44 artifacts damaged; drop them with raydoa store verify --drop; a run" in said
    assert said.endswith("a run makes again those of them that it reads\n")
    ran = run("store", "verify", store, "--drop")
    assert ran.code == 0 and f"{key}  its file " in ran.out and "; dropped" in ran.out
    assert Store(str(store)).find(key) is None
    # Nothing else is lost, and a sweep goes on with what is there.
    again = measured.world.resolved(store=str(store))
    assert [row.score for row in measure_all(again).values()] == [
        row.score for row in measured.rows.values()
    ]


def test_gc_keeps_what_a_sweep_rests_on(
    run: Run, store: Path, measured: Measured, tmp_path: Path
) -> None:
    kept = [
        row for row in measured.rows.values() if row.strategy == "distill" and row.budget == 1.0
    ]
    results = write_results(kept, tmp_path / "results")
    arguments = ("store", "gc", store, "--keep", results, "--older-than-hours", 0)
    before = set(Store(str(store)).keys())
    assert "would be removed from" in run(*arguments, "--dry-run").out
    assert set(Store(str(store)).keys()) == before
    assert run(*arguments).code == 0
    after = set(Store(str(store)).keys())
    needed = {
        key
        for cell, row in measured.rows.items()
        if row in kept
        for key in measured.expected.needs(measured.expected.cells[cell])
    }
    assert after == needed < before
    # The sweep that was kept is whole: measuring it again makes nothing.
    resolved = measured.world.resolved(store=str(store))
    cells = [cell for cell, row in measured.rows.items() if row in kept]
    assert list(measure_all(resolved, cells).values()) == kept
    assert set(Store(str(store)).keys()) == after
    assert "0 damaged" in run("store", "verify", store).out


def test_gc_leaves_what_is_young_and_without_keep_every_artifact(
    run: Run, store: Path, measured: Measured, tmp_path: Path
) -> None:
    before = set(Store(str(store)).keys())
    kept = write_results([next(iter(measured.rows.values()))], tmp_path / "kept")
    assert run("store", "gc", store, "--older-than-hours", 0).code == 0
    assert run("store", "gc", store, "--keep", kept).code == 0
    assert set(Store(str(store)).keys()) == before


def test_gc_refuses_what_it_cannot_know(
    refused: Refused, store: Path, measured: Measured, tmp_path: Path
) -> None:
    kept = write_results([row for row in measured.rows.values() if row.feasible], tmp_path / "kept")
    before = set(Store(str(store)).keys())
    gone = refused("store", "gc", store, "--keep", tmp_path / "gone", "--older-than-hours", 0)
    assert "gone: no finished cells; expected a Tune result dir" in gone
    assert "cannot be negative" in refused("store", "gc", store, "--older-than-hours", -1)
    results = tmp_path / "results"
    (results / "cell").mkdir(parents=True)
    (results / "cell" / "result.json").write_text('{"schema": 99}\n')
    assert "schema 99" in refused("store", "gc", store, "--keep", results)
    result = next(kept.glob("*/result.json"))
    whole = result.read_bytes()
    for cut in (b"", whole[:-1], whole[: len(whole) // 2]):
        result.write_bytes(cut)
        said = refused("store", "gc", store, "--keep", kept, "--older-than-hours", 0)
        assert f"{result.parent}: not all of its cells have a result" in said
        assert "so nothing is removed: run the sweep again to its end, or remove that trial" in said
    result.write_bytes(whole)
    next((store / "records").glob("*/*.json")).write_text("{")
    damaged = refused("store", "gc", store, "--keep", kept, "--older-than-hours", 0)
    assert "what it depends on is unknown, so nothing was removed" in damaged
    assert set(Store(str(store)).keys()) == before


@pytest.mark.parametrize("command", ["ls", "verify", "gc"])
def test_a_store_that_does_not_exist_is_not_made(
    refused: Refused, tmp_path: Path, command: str
) -> None:
    assert f"{tmp_path}/nowhere: no store here" in refused("store", command, tmp_path / "nowhere")
    assert f"{tmp_path}: no store here" in refused("store", command, tmp_path)
    assert "no store here" in refused("store", command, "memory://nothing-in-it")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    assert "file" in refused("store", command, tmp_path / "file")


@pytest.mark.parametrize("command", ["ls", "verify", "gc"])
def test_a_store_of_a_newer_raydoa(refused: Refused, store: Path, command: str) -> None:
    (store / "store.json").write_text('{"schema": 99}')
    assert "written with store schema 99" in refused("store", command, store)
    (store / "store.json").write_text("what?")
    assert "store.json: not the mark of a store" in refused("store", command, store)


def test_a_damaged_record_is_shown(run: Run, store: Path) -> None:
    path = next((store / "records").glob("*/*.json"))
    path.write_text("{")
    assert f"{path.stem[:12]}  DAMAGED: its record" in run("store", "ls", store).out
