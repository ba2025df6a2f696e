"""What a line of a search's log may be: whoever goes on from a log spends money by it."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from raydoa.experiment.result_row import MEASURED
from raydoa.experiment.row_values import checked_row, in_short

_MOST = 10**15


def entry_of(line: bytes) -> dict[str, Any]:
    """The entry that a line is.

    Raises:
        ValueError: it is none; the message says why.
    """
    try:
        entry = json.loads(line)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    if not isinstance(entry, dict):
        raise ValueError(f"found {in_short(entry)}; expected a JSON object")
    needed = [more for name, mores in _NEEDED.items() if name in entry for more in mores]
    for name in needed:
        if name not in entry:
            raise ValueError(f"no {name!r}")
    for name, allows in _FIELDS.items():
        if name in entry and not allows(entry[name]):
            raise ValueError(f"{name}: found {in_short(entry[name])}, which is none")
    return entry


def _is_whole(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= _MOST


def _is_number(found: Any) -> bool:
    number = isinstance(found, int | float) and not isinstance(found, bool)
    return number and 0 <= found <= _MOST  # NaN is neither.


def _is_text(found: Any) -> bool:
    return isinstance(found, str)


def _is_score(found: Any) -> bool:
    return found is None or _is_number(found)


def _is_date(found: Any) -> bool:
    try:
        datetime.fromisoformat(found)
    except (ValueError, TypeError):
        return False
    return True


def _is_plan(found: Any) -> bool:
    """Whether `raydoa.costs.plan.plan_from_json` makes a plan of it."""
    if not isinstance(found, dict):
        return False
    choices, quantities = found.get("choices"), found.get("quantities")
    return (
        all(_is_text(found.get(name)) for name in ("task", "student"))
        and all(_is_whole(found.get(name)) for name in ("n", "seed", "repeat"))
        and isinstance(choices, dict)
        and all(map(_is_text, choices.values()))
        and _are_units(quantities)
    )


def _are_units(found: Any) -> bool:
    return isinstance(found, dict) and all(map(_is_whole, found.values()))


def _are_existing(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(held, dict) and _is_plan(held.get("plan")) and _are_units(held.get("units"))
        for held in found
    )


def _is_row(found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    try:
        status = checked_row(found)["status"]
    except KeyError as missing:
        raise ValueError(f"row: no column {missing}") from None
    if status != MEASURED:
        raise ValueError(f"row: status is {status}; expected {MEASURED}")
    return True


_NEEDED = {
    "about": ("limit_usd", "began"),
    "asked": ("cost_usd", "why"),
    "told": ("score", "cost_usd"),
}
_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "limit_usd": _is_number,
    "began": _is_date,
    "existing": _are_existing,
    "asked": _is_plan,
    "number": _is_whole,
    "told": _is_whole,
    "score": _is_score,
    "cost_usd": _is_number,
    "made": lambda found: isinstance(found, bool),
    "why": _is_text,
    "row": _is_row,
    "stopped": _is_text,
}
