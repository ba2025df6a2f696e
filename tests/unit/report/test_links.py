"""Whoever can write a result dir can make links in it: nothing outside of it is read or written through one."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from raydoa.errors import UserError
from raydoa.experiment.cell import Cell
from raydoa.experiment.result_row import DRIVER_FILE
from raydoa.on_ray.sweep import _write_rows_without_trial
from raydoa.report.artifact_keys import artifact_keys
from raydoa.report.figures import DOLLARS, write_figure
from raydoa.report.page.document import write_page
from raydoa.report.results import finished_plans, load, read, read_results, write_cells
from raydoa.report.rows import read_result_rows
from raydoa.report.search import add_missing_rows
from raydoa.report.table_file import CELLS_FILE, CHECKSUM_FILE
from raydoa.search.baseline_samplers import Random
from raydoa.search.journal import LOG_FILE, Journal, read_journal
from tests.contract.searching import search
from tests.unit.report.conftest import grid, row
from tests.unit.world import World, forecast_of

Write = Callable[..., Path]
CELLS = grid(seeds=1)
SECRET = b'{"secret": 1}'
"""Its line has no end: a log that ends so is one that a crash has cut."""


def _link(path: Path, outside: Path) -> None:
    """Move a file or folder outside, and leave a link to it."""
    path.rename(outside)
    path.symlink_to(outside)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        (CELLS_FILE, lambda folder: write_cells(CELLS, folder)),
        (CHECKSUM_FILE, lambda folder: write_cells(CELLS, folder)),
        ("report.html", lambda folder: write_page(CELLS, folder / "report.html")),
        (f"{DOLLARS.file_name}.png", lambda folder: write_figure(CELLS, folder)),
        (f"{DOLLARS.file_name}.pdf", lambda folder: write_figure(CELLS, folder)),
    ],
)
def test_what_is_written_replaces_a_link(
    tmp_path: Path, name: str, write: Callable[[Path], object]
) -> None:
    victim, path = tmp_path / "victim", tmp_path / "results" / name
    victim.write_bytes(SECRET)
    path.parent.mkdir()
    path.symlink_to(victim)
    write(path.parent)
    assert victim.read_bytes() == SECRET
    assert path.is_file() and not path.is_symlink() and path.stat().st_size > len(SECRET)


def test_the_rows_of_the_driver_replace_a_link(tmp_path: Path, world: World) -> None:
    victim, path = tmp_path / "victim", tmp_path / "results" / DRIVER_FILE
    victim.write_bytes(SECRET)
    path.parent.mkdir()
    path.symlink_to(victim)
    resolved = world.resolved(world.sweep(budgets=(0.001,)))
    _write_rows_without_trial(resolved.study, forecast_of(resolved), path.parent)
    assert victim.read_bytes() == SECRET
    assert not path.is_symlink() and not load(path.parent)["feasible"].any()


def test_missing_rows_are_written_into_no_linked_folder(tmp_path: Path) -> None:
    values, outside = row(), tmp_path / "outside"
    outside.mkdir()
    results = tmp_path / "results"
    results.mkdir()
    (results / f"{values['cell']}-{values['plan']}-from_log").symlink_to(outside)
    with pytest.raises(UserError, match="-from_log: a symbolic link is where a folder is needed"):
        add_missing_rows([values], results)
    assert not list(outside.iterdir())


@pytest.mark.parametrize("cell", ["../victim", "a/b", "/etc/a", "..", "."])
def test_a_cell_is_named_like_a_file(tmp_path: Path, cell: str) -> None:
    """In a trial, in a log and in a table: the folder of a trial is named after its cell."""
    expected = "cell of cell .* is .*; expected a plain file name"
    values = row(cell=cell)
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "result.json").write_text(json.dumps(values) + "\n")
    with pytest.raises(UserError, match=f"trial/result.json: {expected}"):
        load(tmp_path)
    told = {"told": 1, "score": 0.5, "cost_usd": 1.0, "row": values}
    (tmp_path / LOG_FILE).write_text(json.dumps(told) + "\n")
    with pytest.raises(UserError, match=f"{LOG_FILE}:1: .*{expected}"):
        read_journal(tmp_path / LOG_FILE)
    pd.DataFrame([row(seed=1), values]).to_csv(tmp_path / CELLS_FILE, index=False)
    with pytest.raises(UserError, match=f"{CELLS_FILE}: {expected}"):
        load(tmp_path)


def test_the_name_of_a_cell_names_a_file() -> None:
    """A task, a model and a value of a plugin's axis may have a slash in their names."""
    shared = {"strategy": "distill", "budget": 1.0, "n": 8, "u": 20, "student": "s", "seed": 0}
    cell = Cell(**shared, task="qa/v2", teacher="org/xxl", choices=(("prompt", "a/b"),))
    assert cell.name == "qa_v2-distill-B1-N8-U20-org_xxl-prompta_b-seed0"


@pytest.mark.parametrize("name", [CELLS_FILE, CHECKSUM_FILE])
def test_a_linked_table_is_damage(result_dir: Write, tmp_path: Path, name: str) -> None:
    """The trials are read instead, and a line says so; what a garbage collection may remove is not known."""
    folder = result_dir(CELLS)
    write_cells(load(folder), folder)
    _link(folder / name, tmp_path / "outside")
    loaded = read(folder)
    assert loaded.damaged == (
        f"{folder}/{name}: a symbolic link is where a file is needed; what the trials have is read instead",
    )
    assert sorted(loaded.cells["cell"]) == sorted(CELLS["cell"])
    assert len(read_result_rows(folder)) == len(CELLS)
    with pytest.raises(UserError, match=f"{name}: a symbolic link .* so nothing is removed"):
        artifact_keys(folder)


def test_linked_rows_of_the_driver_are_refused(result_dir: Write, tmp_path: Path) -> None:
    folder = result_dir(CELLS)
    _link(folder / DRIVER_FILE, tmp_path / "outside")
    with pytest.raises(
        UserError, match=f"{DRIVER_FILE}: a symbolic link is where a file is needed"
    ):
        load(folder)


def _linked_file(trial: Path, outside: Path) -> None:
    _link(trial / "result.json", outside)


def _folder_for_file(trial: Path, outside: Path) -> None:
    (trial / "result.json").rename(outside)
    (trial / "result.json").mkdir()


@pytest.mark.parametrize("damage", [_link, _linked_file, _folder_for_file])
def test_a_linked_trial_is_damaged_and_stops_no_other(
    result_dir: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path, Path], None],
) -> None:  # fmt: skip
    folder = result_dir(CELLS)
    (folder / "train").symlink_to(tmp_path)  # no trial's name: it is passed over
    trial = sorted(folder.glob("*-*/"))[1]
    plan = trial.name.rsplit("-", 2)[-2]
    damage(trial, tmp_path / "outside")
    assert finished_plans(folder) == set(CELLS["plan"].dropna()) - {plan}
    assert str(trial) in caplog.text and "its plan is measured again" in caplog.text
    for read_it in (read_results, artifact_keys):
        with pytest.raises(UserError, match=r"(a symbolic link|a folder) is where a f"):
            read_it(folder)
    rows = (
        (tmp_path / "outside").rglob("result.json") if damage is _link else [tmp_path / "outside"]
    )
    again = folder / f"{trial.name}9"
    again.mkdir()
    (again / "result.json").write_bytes(next(iter(rows)).read_bytes())
    assert len(read_results(folder)) == len(CELLS)
    assert finished_plans(folder) == set(CELLS["plan"].dropna())


def test_a_linked_log_is_refused(tmp_path: Path) -> None:
    """Neither read, nor cut where its last line has no end, nor written."""
    victim, path = tmp_path / "victim", tmp_path / "results" / LOG_FILE
    path.parent.mkdir()
    Journal(search(Random()), path, {})
    _link(path, victim)
    victim.write_bytes(victim.read_bytes() + SECRET)
    content = victim.read_bytes()
    for read_it in (
        read_journal,
        lambda log: Journal(search(Random()), log, {}),
        lambda log: artifact_keys(log.parent),
    ):
        with pytest.raises(UserError, match=f"{LOG_FILE}: a symbolic link is where a file is need"):
            read_it(path)
    assert victim.read_bytes() == content
