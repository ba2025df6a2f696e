"""Rows out of Tune's result dirs, and what is refused there."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from raydoa.mistakes import UserMistake
from raydoa.report.results import artifact_keys, load, write_cells
from raydoa.result_row import COLUMNS
from tests.unit.report.conftest import frame, grid

Write = Callable[[pd.DataFrame], Path]


def test_rows_come_back_sorted_and_as_they_were(result_dir: Write) -> None:
    cells = grid()
    found = load(result_dir(cells.sample(frac=1.0, random_state=1)))
    assert list(found.columns) == list(COLUMNS) and len(found) == len(cells)
    order = ["task", "n", "budget", "strategy", "teacher", "u", "seed"]
    assert found["cell"].tolist() == cells.sort_values(order)["cell"].tolist()
    expected = cells.set_index("cell").loc[found["cell"]]
    assert found["score"].tolist() == pytest.approx(expected["score"].tolist(), nan_ok=True)


def test_cells_csv_is_read_back_alike(result_dir: Write) -> None:
    folder = result_dir(grid())
    cells = load(folder)
    path = write_cells(cells, folder)
    assert path.name == "cells.csv"
    again = pd.read_csv(path)
    assert again["cost_total"].tolist() == cells["cost_total"].tolist()
    assert again["feasible"].tolist() == cells["feasible"].tolist()
    assert again["score"].tolist() == pytest.approx(cells["score"].tolist(), nan_ok=True)


def test_cells_that_are_not_finished_are_left_out(
    result_dir: Write, caplog: pytest.LogCaptureFixture
) -> None:
    folder = result_dir(grid(seeds=1))
    paths = sorted(folder.glob("*/result.json"))
    paths[0].write_text("")
    paths[1].write_text(paths[1].read_text().rstrip("\n")[:-20])  # cut off by a crash
    paths[2].write_text("{half\n" + paths[2].read_text() + '{"cut')
    assert len(load(folder)) == len(paths) - 2
    assert "not finished" in caplog.text


def test_a_cell_that_was_begun_twice_is_one_row(result_dir: Write) -> None:
    cells = grid(seeds=1)
    assert len(load(result_dir(pd.concat([cells, cells])))) == len(cells)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"schema": 99}', r"rows have schema 99, this raydoa reads 3; upgrade raydoa"),
        (
            '{"schema": 2, "cell": "a"}',
            r"rows have schema 2, this raydoa reads 3; run the sweep again",
        ),
        ('{"schema": 1}', r"the row has no column 'cell'; is this a raydoa sweep\?"),
        ('{"loss": 1.0}', r"the row has no column 'schema'; is this a raydoa sweep\?"),
        ("{half", "its last line is not JSON"),
        ("[1]", "its last line is no row of a sweep"),
    ],
)
def test_what_is_no_sweep(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "result.json").write_text(line + "\n")
    with pytest.raises(UserMistake, match=rf"cell/result.json: {message}"):
        load(tmp_path)


def test_a_folder_without_results(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UserMistake, match="no finished cells; expected a Tune result dir"):
            load(folder)


def test_the_keys_that_a_sweep_rests_on(result_dir: Write) -> None:
    keys = {
        "key_teacher": "t",
        "key_student": "s",
        "key_evaluation": "e",
        "key_teacher_evaluation": "te",
    }
    folder = result_dir(frame({"strategy": "distill", **keys}, {"feasible": False, "seed": 1}))
    assert artifact_keys(folder) == {"t", "s", "e", "te"}
    assert all(json.loads(p.read_text()) for p in folder.glob("*/result.json"))
