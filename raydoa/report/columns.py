"""The columns of a table of cells: their types, and what is refused in them.

They are those of `raydoa.experiment.result_row`, for the cost items that the table itself has. Whole numbers that a cell
may lack (``u``) are floats with gaps, as are dollars; names that it may lack (``teacher``) are strings with gaps.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

from raydoa.errors import UserError
from raydoa.experiment.result_row import ROW_SCHEMA, columns_of, quantity_column
from raydoa.report.cost_items import item_names, quantity_columns
from raydoa.report.trials import check_row_schema

_DTYPES: Mapping[object, str] = {int: "int64", bool: "bool", str: "str", str | None: "str"}
_NEVER_INFINITE = ("budget", "score", "cost_total", "cost_incurred")
_WORDS = {"int64": "a whole number", "bool": "true or false", "float64": "a number", "str": "text"}


def types_of(columns: Iterable[object]) -> dict[str, str]:
    """The pandas type of each column of a table that has these columns, in the order of a row."""
    row = columns_of(item_names(columns))
    return {name: _DTYPES.get(kind, "float64") for name, kind in row.items()}


def plan_key(columns: Iterable[object]) -> list[str]:
    """The columns that tell one plan from another, but for seed and repeat."""
    made = ["task", "n", "strategy", "teacher", "choices", "student", "u"]
    return [*made, *quantity_columns(columns)]


def sorted_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells sorted by what each is."""
    of_plan = [name for name in plan_key(cells) if name not in ("task", "n")]
    order = ["task", "n", "budget", *of_plan, "seed", "repeat"]
    return cells.sort_values(order, ignore_index=True)


def as_cells(rows: Sequence[Mapping[str, Any]], where: str) -> pd.DataFrame:
    """Rows as a table with the right types.

    Raises:
        UserError: a value is not what its column holds.
    """
    names = {name: None for row in rows for name in row}
    return _checked(_without_gaps(pd.DataFrame(rows, columns=list(names))), where)


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
                f"{where}: its rows have schemas {' and '.join(map(str, schemas))}; this raydoa reads {ROW_SCHEMA}; "
                "delete it and load again"
            )
        check_row_schema(schemas[0], where)
    missing = [name for name in types_of(cells) if name not in cells]
    if missing:
        raise UserError(
            f"{where}: no column {', '.join(map(repr, missing[:5]))}; is this a raydoa sweep?"
        )
    return _checked(cells, where)


def concatenated(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Several tables as one with the right types; of a cost item that one of them lacks, its cells have nothing."""
    if len(parts) == 1:
        return parts[0]
    cells = _without_gaps(pd.concat(parts, ignore_index=True))
    return cells.astype(types_of(cells))


def _without_gaps(cells: pd.DataFrame) -> pd.DataFrame:
    """Rows with the columns of all cost items: zeros where a row has no such column, since it has none of the item."""
    kinds, types = ("cost", "fraction", "gpu_seconds"), types_of(cells)
    lacking = {}
    for item in item_names(cells):
        absent = cells[f"cost_{item}"].isna() & cells[f"basis_{item}"].isna()
        absent &= cells[quantity_column(item)].isna()
        if absent.any():
            for name in (quantity_column(item), *(f"{kind}_{item}" for kind in kinds)):
                lacking[name] = cells[name].mask(absent, 0)
    return cells.assign(**lacking)[list(types)]


def _checked(cells: pd.DataFrame, where: str) -> pd.DataFrame:
    checked = {}
    for name, kind in types_of(cells).items():
        try:
            checked[name] = cells[name].astype(pandas_dtype(kind))
        except (ValueError, TypeError):
            raise UserError(_wrong_value(cells, name, kind, where)) from None
    for name in _NEVER_INFINITE:
        infinite = np.isinf(checked[name])
        if infinite.any():
            cell = cells["cell"][infinite].iloc[0]
            raise UserError(f"{where}: {name} of cell {cell} is infinite; that row cannot be used")
    return pd.DataFrame(checked)


def _wrong_value(cells: pd.DataFrame, name: str, kind: str, where: str) -> str:
    """Which value is not of its column's type."""
    for cell, value in zip(cells["cell"], cells[name], strict=True):
        try:
            pd.Series([value]).astype(pandas_dtype(kind))
        except (ValueError, TypeError):
            return f"{where}: {name} of cell {cell} is {value!r}; expected {_WORDS[kind]}"
    return f"{where}: {name} holds values of several kinds; expected {_WORDS[kind]}"
