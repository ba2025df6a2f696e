"""cells.csv is read without pandas, and a line says what is wrong with it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raydoa.errors import UserError
from raydoa.experiment.result_row import ROW_SCHEMA
from raydoa.report.rows import read_result_rows, scored
from tests.unit.planning.conftest import COLUMNS, WriteSweep, row


def test_values_have_their_types(write_sweep: WriteSweep) -> None:
    first, second = read_result_rows(write_sweep([row(score=0.25), row("distill", "")]))
    assert (first["n"], first["teacher"], first["feasible"], first["score"]) == (
        100,
        None,
        True,
        0.25,
    )
    assert (second["teacher"], second["pseudo_labels"], second["score"]) == ("nano-m", 1000, None)


def test_a_table_from_before_tokens_were_aligned_is_read(write_sweep: WriteSweep) -> None:
    columns = [name for name in COLUMNS if name != "aligned_share"]
    (read,) = read_result_rows(write_sweep([row(score=0.25)], columns=columns))
    assert read["score"] == 0.25


def test_what_pandas_writes_is_read(write_sweep: WriteSweep) -> None:
    folder = write_sweep(
        [row(score=0.25), row("distill", None, feasible=False, status="infeasible")]
    )
    path = folder / "cells.csv"
    pd.read_csv(path).to_csv(path, index=False)  # Now a column with gaps has floats.
    assert [r["feasible"] for r in read_result_rows(folder)] == [True, False]


@pytest.mark.parametrize("score", ["nan", "NaN", ""])
def test_a_score_that_is_no_number(write_sweep: WriteSweep, score: str) -> None:
    assert not scored(read_result_rows(write_sweep([row(score=score)]))[0])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schema": ROW_SCHEMA - 1}, f"cells.csv:2: rows have schema {ROW_SCHEMA - 1}, this raydoa reads {ROW_SCHEMA}; run the sweep again"),
        ({"schema": ROW_SCHEMA + 1}, f"rows have schema {ROW_SCHEMA + 1}, this raydoa reads {ROW_SCHEMA}; upgrade raydoa"),
        ({"schema": ""}, "rows have schema none"),
        ({"n": "many"}, "cells.csv:2: n: found 'many'"),
        ({"feasible": "perhaps"}, "feasible: found 'perhaps'"),
        ({"score": "good"}, "score: found 'good'"),
        ({"score": "inf"}, "score: found 'inf'; expected a number from 0 to 1, or nothing"),
        ({"score": 1e308}, "score: found '1e+308'; expected a number from 0 to 1, or nothing"),
        ({"score": "0_5"}, "score: found '0_5'"),
        ({"n": -5}, "n: found '-5'; expected a whole number from 1 up"),
        ({"n": 2.5}, "n: found '2.5'; expected a whole number from 1 up"),
        ({"n": 2**63}, "n: found '9223372036854775808'; expected a whole number from 1 up"),
        ({"n": "inf"}, "n: found 'inf'"),
        ({"n": 0}, "n: found '0'; expected a whole number from 1 up"),
        ({"seed": ""}, "seed: found ''; expected a whole number from 0 up"),
        ({"student": ""}, "student: found ''; expected text"),
        ({"student": "a\x00b"}, r"student: found 'a\x00b'; expected text without control characters"),
        ({"student_steps": 0}, "cells.csv:2: student_steps is 0; expected 1 or more where a student was trained"),
        ({"status": "done"}, "status is 'done'; expected one of measured, infeasible, awaiting_labels"),
        ({"feasible": False}, "feasible is False; expected True of a cell that is measured"),
        ({"status": "awaiting_labels"}, "score is 0.5; expected none of a cell that is awaiting_labels"),
        ({"choices": "{"}, "choices is '{'; expected a JSON object of texts"),
        ({"choices": "[" * 100_000}, "; expected a JSON object of texts"),
        ({"choices": '{"llm": 3}'}, "expected a JSON object of texts"),
    ],
)  # fmt: skip
def test_wrong_rows(write_sweep: WriteSweep, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as mistake:
        read_result_rows(write_sweep([row(**fields)]))
    assert message in str(mistake.value)


def test_wrong_files(write_sweep: WriteSweep, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="gone: no cells.csv; expected the result dir of a sweep or search"
    ):
        read_result_rows(tmp_path / "gone")
    with pytest.raises(UserError, match="no rows"):
        read_result_rows(write_sweep([], "empty"))
    columns = tuple(name for name in COLUMNS if name != "repeat")
    with pytest.raises(UserError, match="the row has no column 'repeat'; is this a raydoa sweep"):
        read_result_rows(write_sweep([row()], "other", columns))
