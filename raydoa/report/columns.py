"""The columns of a table of cells: their types, and what is refused in them.

The types are those of `ResultRow`. Whole numbers that a cell may lack (``u``) are floats with gaps, as are dollars;
names that it may lack (``teacher``) are strings with gaps.
"""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

from raydoa.errors import UserError
from raydoa.experiment.result_row import COLUMNS, SCHEMA, ResultRow

ORDER = ["task", "n", "budget", "strategy", "teacher", "u", "labels", "seed", "repeat"]
"""By what cells are sorted."""

_DTYPES: Mapping[object, str] = {int: "int64", bool: "bool", str: "str", str | None: "str"}
TYPES: Mapping[str, str] = {
    field.name: _DTYPES.get(field.type, "float64") for field in dataclasses.fields(ResultRow)
}
"""The pandas type of each column."""

_NEVER_INFINITE = ("budget", "score", "cost_total", "cost_incurred")
_WORDS = {"int64": "a whole number", "bool": "true or false", "float64": "a number", "str": "text"}


def check_schema(schema: object, named: bool, where: str) -> None:
    """Refuse rows of another raydoa; ``named`` is whether they name a cell at all.

    Raises:
        UserError: what was found, and what to do.
    """
    number = schema if isinstance(schema, int) else 0
    if number > SCHEMA:
        raise UserError(
            f"{where}: rows have schema {number}, this raydoa reads {SCHEMA}; upgrade raydoa"
        )
    if named and number < SCHEMA:
        raise UserError(
            f"{where}: rows have schema {schema}, this raydoa reads {SCHEMA}; run the sweep again, "
            "which makes nothing that is in its store"
        )


def as_cells(rows: Sequence[Mapping[str, Any]], where: str) -> pd.DataFrame:
    """Rows as a table with the right types.

    Raises:
        UserError: a value is not what its column holds.
    """
    return _checked(pd.DataFrame(rows, columns=list(COLUMNS)), where)


def read_table(content: bytes, where: str) -> pd.DataFrame:
    """A `cells.csv` as a table with the right types.

    Raises:
        UserError: another raydoa wrote it, it lacks a column, or a value is not what its column holds.
    """
    try:
        cells = pd.read_csv(io.BytesIO(content), engine="pyarrow")
    except ValueError as error:
        raise UserError(f"{where}: no table of cells ({error}); delete it and load again") from None
    if "schema" in cells and len(cells):
        schemas = sorted(set(cells["schema"].tolist()))
        if len(schemas) > 1:
            raise UserError(
                f"{where}: its rows have schemas {' and '.join(map(str, schemas))}; this raydoa reads {SCHEMA}; "
                "delete it and load again"
            )
        check_schema(schemas[0], "cell" in cells, where)
    missing = [name for name in COLUMNS if name not in cells]
    if missing:
        raise UserError(
            f"{where}: no column {', '.join(map(repr, missing[:5]))}; is this a raydoa sweep?"
        )
    return _checked(cells[list(COLUMNS)], where)


def typed(cells: pd.DataFrame) -> pd.DataFrame:
    """The same table with the types of its columns, which joining may have widened."""
    return cells.astype(dict(TYPES))


def _checked(cells: pd.DataFrame, where: str) -> pd.DataFrame:
    found = {}
    for name, kind in TYPES.items():
        try:
            found[name] = cells[name].astype(pandas_dtype(kind))
        except (ValueError, TypeError):
            raise UserError(_not_that(cells, name, kind, where)) from None
    for name in _NEVER_INFINITE:
        infinite = np.isinf(found[name])
        if infinite.any():
            cell = cells["cell"][infinite].iloc[0]
            raise UserError(f"{where}: {name} of cell {cell} is infinite; that row cannot be used")
    return pd.DataFrame(found)


def _not_that(cells: pd.DataFrame, name: str, kind: str, where: str) -> str:
    """Which value is not of its column's type."""
    for cell, value in zip(cells["cell"], cells[name], strict=True):
        try:
            pd.Series([value]).astype(pandas_dtype(kind))
        except (ValueError, TypeError):
            return f"{where}: {name} of cell {cell} is {value!r}; expected {_WORDS[kind]}"
    return f"{where}: {name} holds values of several kinds; expected {_WORDS[kind]}"
