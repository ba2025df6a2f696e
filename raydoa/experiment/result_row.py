"""The flat row that a cell leaves in Tune's `result.json`, in DESIGN's words. Analysis reads nothing else.

Dollars, unless a name says otherwise. ``None`` means that there is no such thing for this cell (no teacher, say), never
that it was forgotten. Of a cell that is not measured, ``infeasible_reason`` says why (`status`). Beside the fixed columns
a row has six for each cost item. A change of meaning or name raises `ROW_SCHEMA`; a column that is `ADDED` does not.
"""

import json
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import pool_rows
from raydoa.costs.plan import Choices, Plan

ROW_SCHEMA = 5

ADDED = frozenset(
    {
        "aligned_share", "llm_score", "llm_refused", "llm_input_tokens", "llm_cached_tokens", "llm_output_tokens",
        "llm_prices", "majority_score", "unparsable",
    }
)  # fmt: skip
"""Columns that rows of this schema may lack, because they were written before there was such a thing."""

ResultRow = dict[str, Any]
"""By column."""
MEASURED, INFEASIBLE, AWAITING_LABELS = "measured", "infeasible", "awaiting_labels"
"""What is in the column `status`. A plan that awaits labels is feasible: it has quantities and costs, and no score yet."""
DRIVER_FILE = "driver.jsonl"
"""In a result dir: rows of cells that have no trial, one a line."""

_IDENTITY: Mapping[str, type | UnionType] = {
    "schema": int,
    "cell": str,
    "plan": str | None,
    "task": str,
    "strategy": str,
    "budget": float,
    "n": int,
    "u": int | None,
    "teacher": str | None,
    "choices": str | None,
    "student": str,
    "output_space": str | None,
    "seed": int,
    "repeat": int,
    "metric": str,
    "prices": str,
    "prices_scaled": str | None,
    "accelerator": str,
    "region": str,
    "status": str,
    "feasible": bool,
    "infeasible_reason": str | None,
}
_SCORES: Mapping[str, type | UnionType] = {
    "score": float | None,
    "score_paper": float | None,
    "score_low": float | None,
    "score_high": float | None,
    "majority_score": float | None,
    "unparsable": float | None,
    "teacher_score": float | None,
    "aligned_share": float | None,
    "llm_score": float | None,
    "llm_refused": float | None,
    "llm_input_tokens": int | None,
    "llm_cached_tokens": int | None,
    "llm_output_tokens": int | None,
    "llm_prices": str | None,
}
_TOTALS: Mapping[str, type | UnionType] = {
    "cost_total": float,
    "cost_incurred": float,
    "unspent": float,
    "kgco2e": float,
}
_KEYS: Mapping[str, type | UnionType] = {
    "key_teacher": str | None,
    "key_student": str | None,
    "key_evaluation": str | None,
    "key_teacher_evaluation": str | None,
}
_NO_ITEMS = frozenset({"total", "incurred", "serving"})


def quantity_column(item: str) -> str:
    """The column of a cost item's quantity; of one whose plugin is not installed, the usual one."""
    return ITEMS.get(item).column if item in ITEMS else f"quantity_{item}"


def choices_text(plan: Plan) -> str | None:
    """What is chosen beside the teacher, who has a column of their own, as JSON; None for nothing."""
    others = {name: value for name, value in plan.choices if name != "teacher"}
    return json.dumps(others, sort_keys=True) if others else None


def choices_of(row: Mapping[str, Any]) -> Choices:
    """The choices of the plan that a row has measured; in rows of a data frame, what there is not is NaN."""
    text, name = row["choices"], row["teacher"]
    others = json.loads(text) if isinstance(text, str) else {}
    teacher = {"teacher": name} if isinstance(name, str) else {}
    return tuple(sorted({**others, **teacher}.items()))


def plan_columns(plan: Plan) -> dict[str, Any]:
    """The columns of a row that a plan alone decides, for whoever says it in words."""
    quantities = {quantity_column(item): plan.quantity(item) for item in ITEMS.names()}
    return {
        "task": plan.task,
        "n": plan.n,
        "u": pool_rows(plan) or None,
        "teacher": plan.choice("teacher"),
        "choices": choices_text(plan),
        "student": plan.student,
        "seed": plan.seed,
        "repeat": plan.repeat,
        **quantities,
    }


def columns_of(items: Iterable[str]) -> dict[str, type | UnionType]:
    """The columns of a row with these cost items, and their types, in order."""
    names = list(items)
    return {
        **_IDENTITY,
        **{quantity_column(item): int for item in names},
        **{f"fraction_{item}": float for item in names},
        **_SCORES,
        **{f"cost_{item}": float for item in names},
        **_TOTALS,
        **{f"gpu_seconds_{item}": float for item in names},
        **{f"basis_{item}": str | None for item in names},
        **{f"measured_gpu_seconds_{item}": float | None for item in names},
        **_KEYS,
    }


def items_in(columns: Iterable[str]) -> list[str]:
    """The cost items that a row or a table has columns of: the registered ones first, in their order."""
    named = [name.removeprefix("cost_") for name in columns if name.startswith("cost_")]
    items = [item for item in named if item not in _NO_ITEMS]
    registered = [item for item in ITEMS.names() if item in items]
    return [*registered, *(item for item in items if item not in registered)]


def row_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The row's columns out of a Tune result, which holds more beside them.

    Raises:
        KeyError: a column is missing.
    """
    return {name: column_of(values, name) for name in columns_of(items_in(values))}


def column_of(row: Mapping[str, Any], name: str) -> Any:
    """What stands in a column; None in one of `ADDED` that a row lacks. Raises `KeyError`: it lacks another one."""
    return row.get(name) if name in ADDED else row[name]
