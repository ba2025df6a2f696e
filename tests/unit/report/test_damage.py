"""Damaged result dirs: one line that says what is wrong, or a report that names what it left out; never a traceback."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raydoa.errors import UserError
from raydoa.experiment.result_row import DRIVER_FILE
from raydoa.report.artifact_keys import artifact_keys
from raydoa.report.overview import best_table
from raydoa.report.results import (
    Loaded,
    finished_plans,
    load,
    read,
    read_results,
    write_cells,
)
from raydoa.report.rows import read_result_rows
from raydoa.report.sentence import sentences
from raydoa.report.table_file import CELLS_FILE, CHECKSUM_FILE
from raydoa.search.baseline_samplers import Random
from raydoa.search.journal import LOG_FILE, Journal
from tests.contract.searching import search
from tests.unit.report.conftest import frame, grid, row, sweep_files

Write = Callable[..., Path]
CELLS = grid(seeds=1)
ODD: tuple[Any, ...] = (
    None, True, -1, -0.001, 2**63, 10**30, 1e308, float("nan"), float("inf"), 0.5, "", "7", "maybe", "\ud800", "\0", [], [1],
    {}, {"a": {"b": 1}},
)  # fmt: skip


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that has ended."""
    folder = tmp_path_factory.mktemp("results") / "sweep"
    for path, content in sweep_files(CELLS).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    write_cells(load(folder), folder)
    return folder


@contextmanager
def damaged(folder: Path, path: Path, content: bytes) -> Iterator[None]:
    """A file with another content, which nobody may change meanwhile."""
    whole = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    path.write_bytes(content)
    try:
        yield
        left = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        assert left == {**whole, path: content}, "nothing is changed"
    finally:
        path.write_bytes(whole[path])


def one_line(mistake: UserError) -> None:
    assert str(mistake).strip() and len(str(mistake)) < 1000, mistake


def read_or_refuse(folder: Path) -> Loaded | None:
    """What is read, with all that a report makes of it; None if it is refused."""
    try:
        loaded = read(folder)
    except UserError as mistake:
        one_line(mistake)
        return None
    best_table(loaded.cells)
    list(sentences(loaded.cells, None))
    return loaded


def same(found: pd.DataFrame, expected: pd.DataFrame = CELLS) -> None:
    assert sorted(found["cell"]) == sorted(expected["cell"])
    scores = found.set_index("cell").loc[expected["cell"], "score"].tolist()
    assert scores == pytest.approx(expected["score"].tolist(), nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_trial_that_is_cut_is_named(ended: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(ended.glob("*/result.json"))))
    whole, trial = path.read_bytes(), path.parent.name
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    (ended / CELLS_FILE).rename(ended / "table")
    try:
        with damaged(ended, path, cut):
            loaded = read(ended)
            lost = CELLS[CELLS["plan"] == trial.rsplit("-", 2)[-2]]
            kept = lost.head(cut.count(b"\n"))["cell"].tolist()
            same(loaded.cells, CELLS[~CELLS["cell"].isin(set(lost["cell"]) - set(kept))])
            assert loaded.unfinished == (f"{ended}/{trial}",)
            with pytest.raises(UserError, match="so nothing is removed: run the sweep again"):
                artifact_keys(ended)
            assert finished_plans(ended) == set(CELLS["plan"].dropna()) - set(lost["plan"])
    finally:
        (ended / "table").rename(ended / CELLS_FILE)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_value_that_is_none(ended: Path, data: st.DataObject) -> None:
    """Of a trial, or of the driver's rows."""
    path = data.draw(st.sampled_from(sorted(ended.glob("**/*.json*"))))
    lines = path.read_text().splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    values = json.loads(lines[number])
    column = data.draw(st.sampled_from(sorted(values)))
    lines[number] = json.dumps({**values, column: data.draw(st.sampled_from(ODD))})
    with damaged(ended, path, ("\n".join(lines) + "\n").encode()):
        finished_plans(ended)
        try:
            loaded = read_results(ended)
        except UserError as mistake:
            one_line(mistake)
            assert str(path) in str(mistake) or "no column" in str(mistake)
        else:
            assert loaded["cost_total"].between(0, 1e12).all()
            assert loaded["score"].dropna().between(0, 1).all()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_bytes_that_are_none(ended: Path, data: st.DataObject) -> None:
    """Anything in any place of any file, with a table's checksum or without."""
    files = [*sorted(ended.glob("*/result.json"))[:3], ended / DRIVER_FILE, ended / CELLS_FILE]
    path = data.draw(st.sampled_from(files))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = start + data.draw(st.integers(0, 40))
    junk = data.draw(
        st.sampled_from(
            (b"", b"\xff\xfe", b"\0", b'"', b"\n", b",,", b"[" * 100_000, b"\r\n", b"9" * 400)
        )
    )
    checksum = ended / CHECKSUM_FILE
    mark = checksum.read_bytes()
    if not data.draw(st.booleans()):
        checksum.unlink()
    try:
        with damaged(ended, path, whole[:start] + junk + whole[stop:]):
            loaded = read_or_refuse(ended)
            if (
                path.name == CELLS_FILE
                and checksum.exists()
                and junk + whole[stop:] != whole[start:]
            ):
                assert loaded is not None and loaded.damaged == tuple(loaded.gaps)
                assert len(loaded.damaged) == 1
                same(loaded.cells)
            try:
                read_result_rows(ended)
                artifact_keys(ended)
            except UserError as mistake:
                one_line(mistake)
    finally:
        checksum.write_bytes(mark)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_table_that_is_cut_anywhere(ended: Path, data: st.DataObject) -> None:
    """Even between two rows, or inside the last number: the trials are read instead, and a line says so."""
    path = ended / CELLS_FILE
    whole = path.read_bytes()
    ends = [at for at, byte in enumerate(whole[:-1], 1) if byte == ord("\n")]
    cut = data.draw(
        st.one_of(
            st.sampled_from([*ends, len(whole) - 1, len(whole) - 2]), st.integers(0, len(whole) - 1)
        )
    )
    with damaged(ended, path, whole[:cut]):
        loaded = read(ended)
        same(loaded.cells)
        (line,) = loaded.gaps
        assert line.startswith(f"{path}: it") and line.endswith("the trials have is read instead")
        scores = {r["score"] for r in read_result_rows(ended)}
        assert scores == {*CELLS["score"].dropna(), None}


def test_a_table_without_a_checksum(result_dir: Write) -> None:
    """As earlier versions left it, or a person: it is taken as it is, if its last row has an end."""
    folder = result_dir(CELLS)
    path = write_cells(load(folder), folder)
    checksum = (folder / CHECKSUM_FILE).read_text()
    assert checksum == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  cells.csv\n"
    (folder / CHECKSUM_FILE).unlink()
    assert read(folder).gaps == []
    path.write_bytes(path.read_bytes()[:-1])
    (line,) = read(folder).gaps
    assert "its last row is cut off" in line
    for trial in folder.glob("*/"):
        shutil.rmtree(trial)
    (folder / DRIVER_FILE).unlink()
    with pytest.raises(UserError, match="its last row is cut off; .* and there is nothing"):
        load(folder)
    with pytest.raises(UserError, match="its last row is cut off; .* and there is nothing"):
        read_result_rows(folder)


def test_ids_that_are_all_digits_are_text(tmp_path: Path) -> None:
    digits = frame({"plan": "012345678901", "key_evaluation": "0" * 63 + "1"})
    write_cells(digits, tmp_path)
    assert load(tmp_path)["plan"].tolist() == ["012345678901"]
    assert artifact_keys(tmp_path) == {"0" * 63 + "1"}


@pytest.mark.parametrize(
    ("name", "read_it"),
    [
        (CELLS_FILE, load),
        (CELLS_FILE, read_result_rows),
        (DRIVER_FILE, read_results),
        ("a-0123456789ab-1/result.json", load),
    ],
)
def test_a_folder_where_a_file_belongs(
    tmp_path: Path, name: str, read_it: Callable[[Path], object]
) -> None:
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(
        UserError,
        match=f"{name}: (a folder is where a file is needed|found a folder|cannot be read)",
    ):
        read_it(tmp_path)


def test_what_a_trial_that_has_begun_uses_is_not_known(result_dir: Write) -> None:
    """Its artifacts may be in use: nothing may be removed."""
    folder = result_dir(CELLS)
    keys = artifact_keys(folder)
    assert keys == set(CELLS["key_evaluation"].dropna())
    begun = folder / "tiny-annotate-0123456789ab-1a2b3_00099"
    begun.mkdir()
    (begun / "params.json").write_text("{}")
    expected = f"{begun}: not all of its cells have a result; what a trial that has begun uses"
    with pytest.raises(UserError, match=expected):
        artifact_keys(folder)
    assert read(folder).unfinished == (str(begun),)
    shutil.rmtree(begun)
    first = min(folder.glob("*/result.json"))
    first.write_text(first.read_text().replace('"key_evaluation": "', '"key_evaluation": "z'))
    with pytest.raises(UserError, match="key_evaluation of cell .* expected 64 hexadecimal digits"):
        artifact_keys(folder)
    write_cells(CELLS, folder)
    shutil.rmtree(first.parent)
    assert artifact_keys(folder) == keys, "the table knows of a trial whose folder was removed"


def test_what_only_the_table_knows_is_not_removed(result_dir: Write) -> None:
    """A table that is cut may have named the artifacts of a trial whose folder is gone."""
    folder = result_dir(CELLS)
    table = write_cells(load(folder), folder)
    keys = artifact_keys(folder)
    shutil.rmtree(min(folder.glob("*/")))
    assert artifact_keys(folder) == keys
    table.write_bytes(table.read_bytes()[:-30])
    with pytest.raises(
        UserError, match="cells.csv: its last row is cut off; .* nothing is removed"
    ):
        artifact_keys(folder)
    table.unlink()
    assert len(artifact_keys(folder)) == len(keys) - 1


def _log(folder: Path, steps: int) -> Journal:
    """A search with a row for each of its ``steps``, which Tune has not copied into its result dir."""
    journal = Journal(search(Random()), folder / LOG_FILE, {})
    for seed in range(steps):
        proposal = journal.ask()
        assert proposal is not None
        journal.tell(proposal.number, 0.5, row=row(seed=seed))
    return journal


def test_what_only_the_log_of_a_search_knows_is_not_removed(tmp_path: Path) -> None:
    journal = _log(tmp_path, 3)
    assert artifact_keys(tmp_path) == {row(seed=seed)["key_evaluation"] for seed in range(3)}
    path = tmp_path / LOG_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(UserError, match=f"{LOG_FILE}: 1 proposals are pending; .* is removed"):
        artifact_keys(tmp_path)
    path.write_bytes(whole + b"{half\n")
    with pytest.raises(UserError, match=f"{LOG_FILE}:8: no line of a search's log"):
        artifact_keys(tmp_path)
    path.write_bytes(whole)
    assert journal.ask() is not None
    with pytest.raises(UserError, match=f"{LOG_FILE}: 1 proposals are pending; .* is removed"):
        artifact_keys(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"status": "awaiting_labels", "score": None},
            "cell tiny-.* is awaiting_labels; the rows of a trial are measured",
        ),
        ({"cell": "another"}, "cell another has not asked for its plan; expected tiny-"),
    ],
)
def test_a_trial_with_a_row_that_is_none_of_its_own(
    result_dir: Write, caplog: pytest.LogCaptureFixture, change: dict[str, object], message: str
) -> None:
    """As many rows as cells do not make it a finished one."""
    folder = result_dir(CELLS)
    path = min(folder.glob("*/result.json"))
    values = [json.loads(line) for line in path.read_text().splitlines()]
    values[-1] |= change
    path.write_text("".join(json.dumps(line) + "\n" for line in values))
    assert finished_plans(folder) == set(CELLS["plan"].dropna()) - {values[0]["plan"]}
    assert f"{path}: cell" in caplog.text
    for read_it in (load, artifact_keys):
        with pytest.raises(UserError, match=f"result.json: {message}"):
            read_it(folder)


@pytest.mark.parametrize(
    "cells", [None, 7, "", "7", "[]", "[7]", "[{}]", "{}", "[" * 100_000, '[{"choices": 7}]',
              '[{"choices": [], "task": 7}]']
)  # fmt: skip
def test_a_trial_that_does_not_say_who_asked(result_dir: Write, cells: object) -> None:
    folder = result_dir(CELLS)
    path = min(folder.glob("*/result.json"))
    values = [json.loads(line) for line in path.read_text().splitlines()]
    values[-1]["config"]["trial"]["cells"] = cells
    path.write_text("".join(json.dumps(line) + "\n" for line in values))
    assert values[0]["plan"] not in finished_plans(folder)
    with pytest.raises(UserError, match="config.trial.cells is .*; expected its cells as JSON"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost_total": float("nan")}, "cost_total of cell .* is nan; expected a number from 0 up"),
        ({"cost_labels": -1.0}, "cost_labels of cell .* is -1.0; expected a number from 0 up"),
        ({"cost_incurred": None}, "cost_incurred of cell .* is None; expected a number from 0 up"),
        ({"score": 1e308}, "score of cell .* is 1e\\+308; expected a number from 0 to 1, or nothing"),
        ({"score": True}, "score of cell .* is True; expected a number from 0 to 1"),
        ({"feasible": "maybe"}, "feasible of cell .* is 'maybe'; expected true or false"),
        ({"feasible": False, "status": "measured"}, "feasible of cell .* is False; expected True"),
        ({"n": -5}, "n of cell .* is -5; expected a whole number from 1 up"),
        ({"n": 2**63}, "n of cell .* is 9223372036854775808; expected a whole number"),
        ({"n": 1.5}, "n of cell .* is 1.5; expected a whole number"),
        ({"student_steps": 0, "key_student": "a" * 64}, "student_steps of cell .* is 0; expected 1 or"),
        ({"task": None}, "task of cell .* is None; expected text"),
        ({"student": "a\nb"}, r"student of cell .* is 'a\\nb'; expected text without control"),
        ({"plan": "zz"}, "plan of cell .* is 'zz'; expected 12 hexadecimal digits, or nothing"),
        ({"plan": None}, "plan of cell .* is None; expected the id of what was measured"),
        ({"choices": "[]"}, r"choices of cell .* is '\[\]'; expected a JSON object of texts"),
    ],
)  # fmt: skip
def test_values_that_nobody_measured(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    (tmp_path / "cell").mkdir()
    values = {**row(), **change}
    (tmp_path / "cell" / "result.json").write_text(json.dumps(values) + "\n")
    with pytest.raises(UserError, match=f"cell/result.json: {message}"):
        load(tmp_path)
    shutil.rmtree(tmp_path / "cell")
    if not isinstance(change.get("student"), str):  # A line's end in a field is one in a CSV file.
        pd.DataFrame([row(seed=1), values]).to_csv(tmp_path / CELLS_FILE, index=False)
        with pytest.raises(UserError, match=r"cells.csv: .* of cell .* expected "):
            load(tmp_path)
