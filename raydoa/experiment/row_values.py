"""What each column of a result row may hold. Every reader of rows asks here, whatever file they come from.

A row that breaks a rule is refused: a number that nobody measured must not be reported as one. Where a column may be empty,
None, NaN and a gap in a table are the same.
"""

import json
import math
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import UnionType
from typing import Any, get_args

from raydoa.experiment.result_row import (
    AWAITING_LABELS,
    INFEASIBLE,
    MEASURED,
    column_of,
    columns_of,
    items_in,
    quantity_column,
)

STATUSES = (MEASURED, INFEASIBLE, AWAITING_LABELS)
GAPS = ("", "nan", "NaN")
"""What stands in a CSV file where there is nothing."""
_MOST_WHOLE = 10**15
"""Floats hold every whole number up to here."""
_MOST_DOLLARS = 1e12
"""Whole micro-dollars up to here fit in 64 bits."""
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_TEXT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")
_FILE_NAME = re.compile(r"(?!\.\.?\Z)[^/\x00-\x1f\x7f\ud800-\udfff]+")
_PLAN, _KEY = re.compile(r"[0-9a-f]{12}"), re.compile(r"[0-9a-f]{64}")
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Allowed:
    """What a column may hold.

    Attributes:
        kind: int, float, bool or str.
        optional: whether it may be empty.
        least: of a number.
        most: of a number.
        pattern: of a text.
        words: all of that for a person.
    """

    kind: type
    optional: bool
    least: float
    most: float
    pattern: re.Pattern[str]
    words: str

    def read(self, found: object) -> Any:
        """The value of what stands in a JSON row or in a table.

        Raises:
            ValueError: the column may not hold it.
        """
        if self.optional and is_gap(found):
            return None
        if self.kind in (int, float):
            return self._number(found)
        allowed = isinstance(found, self.kind)
        if not allowed or (isinstance(found, str) and not self.pattern.fullmatch(found)):
            raise ValueError(found)
        return found

    def read_text(self, text: str) -> Any:
        """The value of a field of a CSV file, in which `GAPS` are none.

        Raises:
            ValueError: the column may not hold it.
        """
        if text in GAPS:
            return self.read(None)
        if self.kind is str:
            return self.read(text)
        if self.kind is bool:
            if text not in ("True", "False"):
                raise ValueError(text)
            return text == "True"
        if not _NUMBER.fullmatch(text):
            raise ValueError(text)
        return self._number(float(text))

    def _number(self, found: object) -> float:
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise ValueError(found)
        if not self.least <= found <= self.most:  # Neither is NaN.
            raise ValueError(found)
        if self.kind is int:
            if found != int(found):
                raise ValueError(found)
            return int(found)
        return float(found)


def allowed_in(columns: Iterable[object]) -> Mapping[str, Allowed]:
    """What the columns of a row or table that has these may hold, in the order of a row."""
    items = items_in(str(name) for name in columns)
    return _allowed(tuple((item, quantity_column(item)) for item in items))


@lru_cache(maxsize=64)
def _allowed(quantities: tuple[tuple[str, str], ...]) -> Mapping[str, Allowed]:
    """By the cost items and the columns of their quantities, which a plugin may name."""
    items = [item for item, _ in quantities]
    ranges = _ranges(items)
    return {
        name: _rule(name, kind, *ranges.get(name, (-_MOST_WHOLE, _MOST_WHOLE)))
        for name, kind in columns_of(items).items()
    }


def _ranges(items: Iterable[str]) -> dict[str, tuple[float, float]]:
    """The least and the most of numbers; of a score, what every metric allows."""
    ranges: dict[str, tuple[float, float]] = {
        **dict.fromkeys(("schema", "u", "seed", "repeat"), (0, _MOST_WHOLE)),
        # As for a sweep: models that have seen no row have no place in a curve.
        "n": (1, _MOST_WHOLE),
        **dict.fromkeys(("budget", "cost_total", "cost_incurred"), (0, _MOST_DOLLARS)),
        **dict.fromkeys(
            (
                "score",
                "score_paper",
                "score_low",
                "score_high",
                "majority_score",
                "teacher_score",
                "llm_score",
            ),
            (-_ROUNDING, 1 + _ROUNDING),
        ),
        **dict.fromkeys(("aligned_share", "llm_refused", "unparsable"), (0, 1)),
        **dict.fromkeys(
            ("llm_input_tokens", "llm_cached_tokens", "llm_output_tokens"), (0, _MOST_WHOLE)
        ),
        "unspent": (-_MOST_DOLLARS, _MOST_DOLLARS),
        "kgco2e": (0, _MOST_WHOLE),
    }
    for item in items:
        ranges |= {
            quantity_column(item): (0, _MOST_WHOLE),
            f"cost_{item}": (0, _MOST_DOLLARS),
            f"fraction_{item}": (0, _MOST_DOLLARS),
            f"gpu_seconds_{item}": (0, _MOST_WHOLE),
            f"measured_gpu_seconds_{item}": (0, _MOST_WHOLE),
        }
    return ranges


def _rule(name: str, kind: type | UnionType, least: float, most: float) -> Allowed:
    kinds = get_args(kind) or (kind,)
    (plain,) = (one for one in kinds if one is not type(None))
    pattern = _pattern(name)
    texts = {
        _PLAN: "12 hexadecimal digits",
        _KEY: "64 hexadecimal digits",
        _FILE_NAME: "a plain file name",
    }
    words = {
        bool: "true or false",
        str: texts.get(pattern, "text without control characters"),
        int: "a whole number",
        float: "a number",
    }[plain]
    if plain in (int, float) and least > -1:
        words += f" from {max(least, 0):g} {'up' if most > 1 + _ROUNDING else 'to 1'}"
    optional = len(kinds) > 1
    return Allowed(plain, optional, least, most, pattern, words + ", or nothing" * optional)


def _pattern(name: str) -> re.Pattern[str]:
    if name.startswith("key_"):
        return _KEY
    # A trial's folder is named after its first cell.
    return {"plan": _PLAN, "cell": _FILE_NAME}.get(name, _TEXT)


def is_gap(found: object) -> bool:
    """Whether a value says that there is none."""
    return found is None or (isinstance(found, float) and math.isnan(found))


def may_be_lost_at_other_prices(name: str) -> bool:
    """Whether a table at other prices than the sweep's may lack a column's values (`raydoa.report.reprice`).

    What is not known how long it takes has no price at another one of a GPU-hour.
    """
    return name == "unspent" or name.startswith(("cost_", "fraction_", "gpu_seconds_"))


def fault_of(name: str, found: object, row: Mapping[str, Any], expected: str) -> str:
    """A line about a value that its column may not hold."""
    cell = row.get("cell")
    clean = isinstance(cell, str) and _TEXT.fullmatch(cell)
    of = f" of cell {cell if clean else in_short(cell)}" if "cell" in row else ""
    return f"{name}{of} is {in_short(found)}; expected {expected}"


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


def in_short(found: object) -> str:
    """A value, short enough for a line."""
    return _SHORT.repr(found)


def checked_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of JSON, column by column.

    Raises:
        KeyError: a column is missing.
        ValueError: a column may not hold its value; the message says which, what was found and what is allowed.
    """
    values = {}
    for name, rule in allowed_in(row).items():
        found = column_of(row, name)
        try:
            values[name] = rule.read(found)
        except (ValueError, OverflowError):
            raise ValueError(fault_of(name, found, row, rule.words)) from None
    if (fault := contradiction(values)) is not None:
        raise ValueError(fault)
    return values


def contradiction(row: Mapping[str, Any]) -> str | None:
    """What the columns of a row say against each other, each of them being allowed; None if nothing.

    Columns that a reader has left out are not asked.
    """
    status, steps = row["status"], quantity_column("student")
    if status not in STATUSES:
        return fault_of("status", status, row, f"one of {', '.join(STATUSES)}")
    measured, feasible = status == MEASURED, status != INFEASIBLE
    trained = measured and not is_gap(row.get("key_student", "not read"))
    no_choices = None if is_gap(row["choices"]) else _no_choices(row["choices"])
    faults = {
        "feasible": (row["feasible"] != feasible, f"{feasible} of a cell that is {status}"),
        "plan": (measured and is_gap(row.get("plan", "not read")), "the id of what was measured"),
        "score": (not measured and not is_gap(row["score"]), f"none of a cell that is {status}"),
        steps: (trained and row[steps] < 1, "1 or more where a student was trained"),
        "choices": (no_choices is not None, no_choices or ""),
    }
    found = (fault_of(n, row[n], row, words) for n, (wrong, words) in faults.items() if wrong)
    return next(found, None)


@lru_cache(maxsize=1024)
def _no_choices(text: str) -> str | None:
    expected = "a JSON object of texts"
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return expected
    texts = isinstance(values, dict) and all(
        isinstance(value, str) and _TEXT.fullmatch(value) for value in values.values()
    )
    return None if texts else expected
