"""Shots: labelled rows that a prompt shows.

They are owned rows in a seed's order, so the first 8 shots are part of the first 32. A model leans towards the class that
it has seen most often or last: so each class is shown as often as another, as far as its rows go, and none in a run.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from raydoa.llm.formats import Kind, kind_of
from raydoa.tasks.data import Row
from raydoa.tasks.split import in_order
from raydoa.tasks.task import TaskSpec

_LONGEST = 2_000
"""Characters of a shot, which is paid with every row; longer rows are shown to no model."""


@dataclass(frozen=True)
class Shots:
    """The rows that are shown, and the owned rows with other sources, on which the LLM can be measured.

    ``fewer`` says why there are not as many as were asked for; empty: there are.
    """

    shown: tuple[Row, ...]
    left: tuple[Row, ...]
    fewer: str = ""


def choose_shots(owned: Sequence[Row], task: TaskSpec, count: int, seed: int) -> Shots:
    """Choose ``count`` of the owned rows, or all that can be shown."""
    ordered = in_order(owned, seed)
    kind = kind_of(task)
    fit = _showable(ordered, kind)
    shown = tuple(_balanced(fit, count) if kind == "classes" else fit[:count])
    sources = {row.source for row in shown}
    fewer = ""
    if len(shown) < count:
        fewer = f"{len(shown)} shots instead of {count}: of {len(owned)} owned rows no more can be shown"
    return Shots(shown, tuple(row for row in ordered if row.source not in sources), fewer)


def _showable(rows: Sequence[Row], kind: Kind) -> list[Row]:
    """Rows with a target, each source once; only of entities may a target be empty."""
    seen: set[str] = set()
    fit: list[Row] = []
    for row in rows:
        target = row.target
        if target is None or not (target.strip() or kind == "entities"):
            continue
        if row.source not in seen and len(row.source) + len(target) <= _LONGEST:
            seen.add(row.source)
            fit.append(row)
    return fit


def _balanced(rows: Sequence[Row], count: int) -> list[Row]:
    """``count`` rows in rounds of one of each class that has rows left, then each class's spread evenly over all."""
    classes = [_class(row) for row in rows]
    so_far: Counter[str] = Counter()
    rounds = []
    for one in classes:
        rounds.append(so_far[one])
        so_far[one] += 1
    # Sorting keeps the order within a round.
    chosen = [place for _, place in sorted(zip(rounds, range(len(rows)), strict=True))][:count]
    shown = Counter(classes[place] for place in chosen)
    chosen.sort(key=lambda place: (rounds[place] + 0.5) / shown[classes[place]])
    return [rows[place] for place in chosen]


def _class(row: Row) -> str:
    assert row.target is not None
    return row.target.strip().casefold()
