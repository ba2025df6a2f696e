"""The lines of Tune's `result.json` and of `driver.jsonl` as rows, or what is wrong with them."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from raydoa.errors import UserError
from raydoa.experiment.cell import cell_from_json
from raydoa.experiment.result_row import ROW_SCHEMA, ResultRow
from raydoa.experiment.row_values import checked_row, in_short

_NO_CELLS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""How a cell cannot be made of JSON, whose values may be any."""


def results_of(content: bytes, path: str) -> list[ResultRow]:
    """The last line of each cell: a trial that was retried has appended all of its lines again.

    A last line without its end was cut off by a crash, and so was one that is followed by those of a retry.
    """
    *lines, last = content[: content.rfind(b"\n") + 1].splitlines() or [b""]
    results = {}
    for line in lines:
        with suppress(ValueError):
            values = parsed(line)
            results[_cell(values)] = values
    if last:
        try:
            values = parsed(last)
        except ValueError as error:
            raise UserError(f"{path}: its last line is {error}") from None
        results[_cell(values)] = values
    return list(results.values())


def _cell(values: ResultRow) -> str:
    cell = values.get("cell")
    return cell if isinstance(cell, str) else in_short(cell)


def parsed(line: bytes) -> ResultRow:
    """A line as JSON, which may be no row yet. Raises `ValueError`: it is no JSON object."""
    try:
        values = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from None
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("no row of a sweep")
    return values


def row_in(values: ResultRow, where: str) -> ResultRow:
    """The row in a line's values. Raises `UserError`: another raydoa wrote it, or a column holds what it may not."""
    if "cell" in values or values.get("schema", 0) not in range(ROW_SCHEMA):
        check_row_schema(values.get("schema"), where)
    try:
        return checked_row(values)
    except KeyError as missing:
        raise UserError(
            f"{where}: the row has no column {in_short(missing.args[0])}; is this a raydoa sweep?"
        ) from None
    except ValueError as fault:
        raise UserError(f"{where}: {fault}") from None


def check_row_schema(schema: object, where: str) -> None:
    """Refuse rows of another raydoa.

    Raises:
        UserError: what was found, and what to do.
    """
    text = "" if schema is None else str(schema)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if number != ROW_SCHEMA:
        remedy = "run the sweep again, which makes nothing that is in its store"
        raise UserError(
            f"{where}: rows have schema {in_short(schema) if number == 0 and text else text or 'none'}, this raydoa reads "
            f"{ROW_SCHEMA}; {'upgrade raydoa' if number > ROW_SCHEMA else remedy}"
        )


def cells_asked(results: Sequence[Mapping[str, Any]], path: str) -> frozenset[str]:
    """The names of a trial's cells, as its results tell; none if they do not."""
    config = results[-1].get("config") if results else None
    trial = config.get("trial") if isinstance(config, dict) else None
    if not isinstance(trial, dict) or "cells" not in trial:
        return frozenset()
    try:
        names = frozenset(cell_from_json(cell).name for cell in json.loads(trial["cells"]))
    except _NO_CELLS:
        names = frozenset()
    if not names:
        raise UserError(
            f"{path}: config.trial.cells is {in_short(trial['cells'])}; expected its cells as JSON"
        )
    return names
