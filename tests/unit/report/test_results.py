"""Rows out of Tune's result dirs, and what is refused there."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from raydoa.errors import UserError
from raydoa.experiment.result_row import row_of
from raydoa.report.artifact_keys import artifact_keys
from raydoa.report.columns import read_table
from raydoa.report.results import (
    finished_plans,
    load,
    read,
    read_results,
    write_cells,
)
from tests.unit.report.conftest import COLUMNS, frame, grid, row

Write = Callable[..., Path]


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
    cells = grid(seeds=1)
    folder = result_dir(cells)
    paths = sorted(folder.glob("*/result.json"))
    lines = [path.read_text().count("\n") for path in paths]
    paths[0].write_text("")
    paths[1].write_text(paths[1].read_text().rstrip("\n")[:-20])  # cut off by a crash
    paths[2].write_text("{half\n" + paths[2].read_text() + '{"cut')
    lost = lines[0] + 1
    assert len(load(folder)) == len(cells) - lost
    assert "not finished" in caplog.text


def test_a_trial_has_a_line_for_each_of_its_cells(result_dir: Write) -> None:
    cells = grid(seeds=1)
    folder = result_dir(cells)
    path = max(folder.glob("*/result.json"), key=lambda path: path.read_text().count("\n"))
    first, second = path.read_text().splitlines(keepends=True)
    path.write_text(first)
    loaded = read(folder)
    assert len(loaded.cells) == len(cells) - 1
    assert loaded.unfinished == (f"{folder}/{path.parent.name}",)
    path.write_text(first + first + second)  # A retry appends all of them again.
    loaded = read(folder)
    assert (len(loaded.cells), loaded.unfinished) == (len(cells), ())


def test_a_plan_that_was_begun_twice_is_one_trial(result_dir: Write) -> None:
    cells = grid(seeds=1)
    folder = result_dir(cells)
    for path in list(folder.glob("*/result.json")):
        again = folder / f"{path.parent.name}9"
        again.mkdir()
        (again / "result.json").write_bytes(path.read_bytes())
    assert len(load(folder)) == len(cells)


def test_cells_without_a_trial_are_the_drivers(result_dir: Write) -> None:
    cells = grid(feasible=False)
    folder = result_dir(cells)
    assert [path.name for path in folder.iterdir()] == ["driver.jsonl"]
    loaded = load(folder)
    assert not loaded["feasible"].any() and set(loaded["cell"]) == set(cells["cell"])
    write_cells(loaded, folder)
    pd.testing.assert_frame_equal(load(folder), loaded, check_exact=True)
    write_cells(loaded.head(3), folder)
    pd.testing.assert_frame_equal(load(folder), loaded, check_exact=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"schema": 99}', r"rows have schema 99, this raydoa reads 5; upgrade raydoa"),
        (
            '{"schema": 3, "cell": "a"}',
            r"rows have schema 3, this raydoa reads 5; run the sweep again",
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
    with pytest.raises(UserError, match=rf"cell/result.json: {message}"):
        load(tmp_path)


def test_a_folder_without_results(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UserError, match="no finished cells; expected a Tune result dir"):
            load(folder)


def test_the_keys_that_a_sweep_rests_on(result_dir: Write) -> None:
    keys = {
        "key_teacher": "a1" * 32,
        "key_student": "b2" * 32,
        "key_evaluation": "c3" * 32,
        "key_teacher_evaluation": "d4" * 32,
    }
    folder = result_dir(frame({"strategy": "distill", **keys}, {"feasible": False, "seed": 1}))
    assert artifact_keys(folder) == set(keys.values())
    assert all(json.loads(p.read_text()) for p in folder.glob("*/result.json"))


def test_a_sweep_that_has_ended_is_read_from_its_table(result_dir: Write) -> None:
    """And what came after the table from its own files: both give the same rows, to the last bit."""
    folder = result_dir(grid())
    every = load(folder)
    after = every["plan"].isin(every["plan"].dropna().unique()[-5:])
    write_cells(every[~after], folder)
    pd.testing.assert_frame_equal(load(folder), every, check_exact=True)
    write_cells(every, folder)
    for path in folder.glob("*/result.json"):
        path.write_text("{broken\n")  # Nobody looks here any more.
    pd.testing.assert_frame_equal(load(folder), every, check_exact=True)
    with pytest.raises(UserError, match="not JSON"):
        read_results(folder)


def test_several_sweeps_are_one_table(result_dir: Write, caplog: pytest.LogCaptureFixture) -> None:
    first, second = grid(tasks=("tiny",)), grid(tasks=("tiny", "other"))
    found = load([result_dir(first), result_dir(second, "second")])
    assert len(found) == len(second)
    assert f"{len(first)} rows are there twice and counted once" in caplog.text
    assert set(found["task"]) == {"tiny", "other"}
    assert dict(found.dtypes) == dict(load(result_dir(first, "third")).dtypes)


def test_sweeps_that_do_not_belong_together(result_dir: Write) -> None:
    one = frame({"key_evaluation": "a" * 64})
    other = frame({"key_evaluation": "b" * 64, "score": 0.9})
    with pytest.raises(UserError, match=r"measured in two ways in .*one and .*two: another recipe"):
        load([result_dir(one, "one"), result_dir(other, "two")])
    strict = frame({"metric": "f1", "n": 99})
    with pytest.raises(
        UserError, match=r"task tiny: scored by accuracy in .*one4 and f1 in .*three"
    ):
        load([result_dir(one, "one4"), result_dir(strict, "three")])
    with pytest.raises(UserError, match="no result dir was given"):
        load([])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": "many"}, "labels of cell .* is 'many'; expected a whole number"),
        ({"labels": None}, "labels of cell .* expected a whole number"),
        ({"score": "good"}, "score of cell .* is 'good'; expected a number"),
        (
            {"score": float("inf")},
            "score of cell .* is inf; expected a number from 0 to 1, or nothing",
        ),
    ],
)
def test_values_that_are_none(tmp_path: Path, change: dict[str, object], message: str) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "result.json").write_text(json.dumps({**row(), **change}) + "\n")
    with pytest.raises(UserError, match=message):
        load(tmp_path)


def test_rows_from_before_tokens_were_aligned_are_read(tmp_path: Path) -> None:
    (tmp_path / "cell").mkdir()
    old = {name: value for name, value in row().items() if name != "aligned_share"}
    (tmp_path / "cell" / "result.json").write_text(json.dumps(old) + "\n")
    cells = load(tmp_path)
    assert cells["aligned_share"].isna().all()
    content = cells.drop(columns="aligned_share").to_csv(index=False).encode()
    pd.testing.assert_frame_equal(read_table(content, "cells.csv"), cells)
    assert "aligned_share" not in old and row_of(old) == {**old, "aligned_share": None}


@pytest.mark.parametrize("share", [-0.1, 1.1, "half"])
def test_a_share_that_is_none(tmp_path: Path, share: object) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "result.json").write_text(json.dumps(row(aligned_share=share)) + "\n")
    with pytest.raises(
        UserError, match=r"aligned_share of cell .* expected a number from 0 to 1, or"
    ):
        load(tmp_path)


def test_a_score_that_is_no_number_is_no_score(tmp_path: Path) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "result.json").write_text(json.dumps(row(score=float("nan"))) + "\n")
    assert load(tmp_path)["score"].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="score"), "no column 'score'; is this a raydoa sweep"),
        (lambda t: t.assign(schema=[4, 3]), "its rows have schemas 3 and 4; this raydoa reads 5"),
        (lambda t: t.assign(schema=3), "rows have schema 3, this raydoa reads 5; run the sweep"),
        (
            lambda t: t.assign(labels=["1", "x"]),
            "labels of cell .* is 'x'; expected a whole number",
        ),
        (lambda t: t.iloc[:, :0], "no column|no table of cells"),
    ],
)
def test_a_table_that_is_none(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    table = frame({"seed": 0}, {"seed": 1})
    change(table).to_csv(tmp_path / "cells.csv", index=False)
    with pytest.raises(UserError, match=rf"cells.csv: ({message})"):
        load(tmp_path)


def test_only_begun_cells(tmp_path: Path) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "result.json").write_text("")
    with pytest.raises(UserError, match="1 trials have begun and none is finished"):
        load(tmp_path)


def test_plans_that_are_finished(result_dir: Write, caplog: pytest.LogCaptureFixture) -> None:
    """Only what trials have whole counts; a table is not asked."""
    cells = grid(seeds=1)
    folder = result_dir(cells)
    write_cells(load(folder), folder)
    plans = set(cells["plan"].dropna())
    assert finished_plans(folder) == plans and caplog.text == ""
    empty, cut, odd, nested = sorted(folder.glob("*/result.json"))[:4]
    lost = {path: path.parent.name.rsplit("-", 2)[-2] for path in (empty, cut, odd, nested)}
    whole = cut.read_bytes()
    empty.write_bytes(b"")
    cut.write_bytes(whole[:-30])
    odd.write_text(odd.read_text().replace('"feasible": true', '"feasible": "maybe"'))
    nested.write_text("[" * 100_000 + "\n")
    assert finished_plans(folder) == plans - set(lost.values())
    first, second = caplog.text.splitlines()
    assert f"{odd}: feasible of cell" in first + second
    assert f"{nested}: its last line is JSON that is nested too deeply" in first + second
    again = folder / f"again-{lost[cut]}-9"
    again.mkdir()
    (again / "result.json").write_bytes(whole)
    assert finished_plans(folder) == (plans - set(lost.values())) | {lost[cut]}


def test_a_trial_that_another_has_replaced_is_no_gap(result_dir: Write) -> None:
    """A sweep that is run again gives a plan without rows a new trial."""
    cells = grid(seeds=1)
    folder = result_dir(cells)
    first, second, third = sorted(folder.glob("*/result.json"))[:3]
    for path, damaged in ((first, b""), (second, second.read_bytes()[:-30]), (third, b"[1]\n")):
        again = folder / f"{path.parent.name}9"
        again.mkdir()
        (again / "result.json").write_bytes(path.read_bytes())
        path.write_bytes(damaged)
    loaded = read(folder)
    assert (len(loaded.cells), loaded.unfinished) == (len(cells), ())
    assert finished_plans(folder) == set(cells["plan"].dropna())
