"""The columns of a table of cells: their types, and what is refused in them.

They are those of `raydoa.experiment.result_row`, for the cost items that the table itself has. Whole numbers that a cell
may lack (``u``) are floats with gaps, as are dollars; names that it may lack (``teacher``) are strings with gaps.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from pyarrow import csv as arrow_csv

from raydoa.errors import UserError
from raydoa.experiment.result_row import ADDED, ROW_SCHEMA, quantity_column
from raydoa.experiment.row_values import (
    GAPS,
    Allowed,
    allowed_in,
    contradiction,
    fault_of,
    may_be_lost_at_other_prices,
)
from raydoa.report.cost_items import item_names, quantity_columns
from raydoa.report.result_lines import check_row_schema

_CHANGED_PRICE = "+"
"""In the id of a price book: the rows were repriced (`raydoa.report.reprice.CHANGE`)."""


def types_of(columns: Iterable[object]) -> dict[str, str]:
    """The pandas type of each column of a table that has these columns, in the order of a row."""
    return {name: _dtype(rule) for name, rule in allowed_in(columns).items()}


def _dtype(rule: Allowed) -> str:
    if rule.kind is int:
        return "float64" if rule.optional else "int64"
    return {float: "float64", bool: "bool", str: "str"}[rule.kind]


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
    table = _without_gaps(pd.DataFrame(rows, columns=list(names)))
    return _checked(table, where, lambda rule: rule.read)


def read_table(content: bytes, where: str) -> pd.DataFrame:
    """A `cells.csv` as a table with the right types.

    Raises:
        UserError: another raydoa wrote it, it lacks a column, or a value is not what its column holds.
    """
    cells = _parsed(content, where)
    if "schema" in cells and len(cells):
        schemas = sorted(set(cells["schema"].tolist()))
        if len(schemas) > 1:
            raise UserError(
                f"{where}: its rows have schemas {' and '.join(map(str, schemas))}; this raydoa reads {ROW_SCHEMA}; "
                "delete it and load again"
            )
        check_row_schema(schemas[0], where)
    cells = cells.assign(**{name: None for name in ADDED if name not in cells})
    missing = [name for name in types_of(cells) if name not in cells]
    if missing:
        raise UserError(
            f"{where}: no column {', '.join(map(repr, missing[:5]))}; is this a raydoa sweep?"
        )
    return _checked(cells, where, _reader_of_text)


def _parsed(content: bytes, where: str) -> pd.DataFrame:
    """A CSV file, whose columns of text are text even where all of it is digits."""
    try:
        header = next(csv.reader(io.StringIO(content.partition(b"\n")[0].decode("utf-8-sig"))), [])
        texts = [name for name, rule in allowed_in(header).items() if rule.kind is str]
        table = arrow_csv.read_csv(
            io.BytesIO(content),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(texts, pa.string()),
                null_values=list(GAPS),
                strings_can_be_null=True,
            ),
        )
    except (ValueError, csv.Error, pa.ArrowException) as error:
        raise UserError(
            f"{where}: no table of cells ({str(error)[:200]}); delete it and load again"
        ) from None
    if len(set(header)) < len(header):
        raise UserError(f"{where}: a column is there twice; delete it and load again")
    cells: pd.DataFrame = table.to_pandas()
    return cells


def _reader_of_text(rule: Allowed) -> Callable[[object], Any]:
    """Reads a value of a column that has others as well, and so was not parsed."""
    return lambda found: rule.read_text(found) if isinstance(found, str) else rule.read(found)


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


def _checked(
    cells: pd.DataFrame, where: str, reader: Callable[[Allowed], Callable[[object], Any]]
) -> pd.DataFrame:
    """The columns of a row with their types; raise `UserError` for a value that its column may not hold."""
    repriced = cells["prices"].astype("str").str.contains(_CHANGED_PRICE, regex=False, na=False)
    checked = {}
    for name, rule in allowed_in(cells).items():
        may_lack = repriced.to_numpy(bool) if may_be_lost_at_other_prices(name) else None
        values = _fast(cells[name], rule, may_lack)
        if values is None:
            values = _one_by_one(cells, name, rule, reader(rule), where)
        checked[name] = values
    table = pd.DataFrame(checked)
    _refuse_contradictions(table, where)
    return table


def _fast(column: "pd.Series[Any]", rule: Allowed, may_lack: Any) -> "pd.Series[Any] | None":
    """A whole column with its type; None if that is not as simple, or some value is not allowed."""
    if rule.kind is bool:
        return column if is_bool_dtype(column) else None
    if rule.kind is str:
        return column.astype("str") if all(_allowed(v, rule) for v in column.unique()) else None
    # A column of a file in which nothing stands has no numbers to tell its type by.
    if is_bool_dtype(column) or not (is_numeric_dtype(column) or column.isna().all()):
        return None
    values = column.to_numpy(np.float64)
    gaps = np.isnan(values)
    good = (values >= rule.least) & (values <= rule.most)
    if rule.kind is int:
        good &= values == np.rint(values)
    if rule.optional:
        good |= gaps
    elif may_lack is not None:
        good |= gaps & may_lack
    return pd.Series(values, column.index, dtype=_dtype(rule)) if good.all() else None


def _allowed(value: object, rule: Allowed) -> bool:
    try:
        rule.read(value)
    except ValueError:
        return False
    return True


def _one_by_one(
    cells: pd.DataFrame, name: str, rule: Allowed, read: Callable[[object], Any], where: str
) -> "pd.Series[Any]":
    """A column of values of several kinds; the first that is not allowed is an error."""
    values = []
    for position, found in enumerate(cells[name].tolist()):
        try:
            values.append(read(found))
        except (ValueError, OverflowError):
            row = {"cell": cells["cell"].iloc[position]}
            raise UserError(f"{where}: {fault_of(name, found, row, rule.words)}") from None
    return pd.Series(values, index=cells.index, dtype=_dtype(rule))


def _refuse_contradictions(cells: pd.DataFrame, where: str) -> None:
    """Ask `contradiction` once for all rows that are alike in what it looks at."""
    steps = quantity_column("student")
    if steps not in cells:
        raise UserError(f"{where}: no column {steps!r}; is this a raydoa sweep?")
    looked_at = pd.DataFrame({
        **{name: cells[name] for name in ("status", "feasible", "choices")},
        **{name: cells[name].isna() for name in ("plan", "score", "key_student")},
        steps: cells[steps] < 1,
    })  # fmt: skip
    for position in looked_at.drop_duplicates().index:
        if (fault := contradiction(cells.loc[position].to_dict())) is not None:
            raise UserError(f"{where}: {fault}")
