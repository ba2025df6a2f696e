"""What a run must come to: the rows and artifacts of a clean one, equal to the last bit."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.report.results import load
from raydoa.store.record import DamagedArtifact
from raydoa.store.store import Store

from .sweep import Place

_ROUNDING = 2.5e-6
"""Dollars. Each plan's share of what two share is rounded up to a micro-dollar, and who comes first decides the shares."""


@dataclass(frozen=True)
class Truth:
    """Rows without what was measured in seconds, what they incurred together, and the content of each artifact.

    Which of two plans pays for what they share is decided by who comes first, so ``incurred`` is compared as a sum.
    """

    rows: Mapping[str, Mapping[str, Any]]
    incurred: float
    contents: Mapping[str, str]
    seconds: float

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(vars(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Truth":
        """From JSON."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def found(place: Place, seconds: float) -> Truth:
    """What a place holds.

    Raises:
        UserError: its rows cannot be read.
    """
    if place.result_dir is None:
        raise UserError(f"{place.results}: no result dir")
    cells = load(place.result_dir)
    rows = {str(row["cell"]): _compared(row) for row in cells.to_dict("records")}
    records = dict(Store(str(place.store)).records())
    contents = {
        key: record.content for key, record in records.items() if not isinstance(record, DamagedArtifact)
    }  # fmt: skip
    return Truth(rows, float(cells["cost_incurred"].sum()), contents, seconds)


def damaged(place: Place) -> list[str]:
    """Keys of the artifacts of a store that are not what their records say."""
    return [key for key, damage in Store(str(place.store)).verify() if damage is not None]


def differences(ours: Truth, truth: Truth, lost: bool) -> list[str]:
    """In what a run that has ended differs from the clean one, one line for each thing.

    ``lost``: whether artifacts were damaged or removed, so that what was paid for once may have been paid for twice.
    """
    lines = []
    missing, more = (
        sorted(truth.rows.keys() - ours.rows.keys()),
        ours.rows.keys() - truth.rows.keys(),
    )
    if missing or more:
        lines.append(f"table: {len(missing)} rows are missing and {len(more)} too many")
    for cell in sorted(truth.rows.keys() & ours.rows.keys()):
        theirs = truth.rows[cell]
        odd = [name for name, value in ours.rows[cell].items() if theirs.get(name) != value]
        if odd:
            name = odd[0]
            lines.append(
                f"table: {cell}: {name} is {ours.rows[cell][name]}, not {theirs.get(name)}"
            )
    excess = ours.incurred - truth.incurred
    if excess < -_ROUNDING or (excess > _ROUNDING and not lost):
        lines.append(f"table: incurred ${ours.incurred:.6f}, not ${truth.incurred:.6f}")
    both = ours.contents.keys() & truth.contents.keys()
    if odd := [key for key in both if ours.contents[key] != truth.contents[key]]:
        lines.append(f"artifacts: {len(odd)} of {len(both)} have other bytes")
    if not lost and (gone := truth.contents.keys() - ours.contents.keys()):
        lines.append(f"artifacts: {len(gone)} are missing")
    return lines


def _compared(row: Mapping[Any, Any]) -> dict[str, Any]:
    measured = ("measured_", "cost_incurred")
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
        if not name.startswith(measured)
    }
