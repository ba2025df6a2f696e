"""How a search ends: the plan that it recommends, what that costs item by item, and what is known of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from raydoa.experiment.result_row import COLUMNS
from raydoa.report.results import finished_rows
from raydoa.report.table import short_name
from raydoa.search.ask_tell import Search
from raydoa.search.costs import Costs, Items, Point
from raydoa.search.holdings import Candidate
from raydoa.search.objective import Objective
from raydoa.search.outcome import Carbon, Expectation, Recommended


def cells_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of a search's log as a table like that of a sweep, in the order of measuring."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS)).drop_duplicates(
        "cell", ignore_index=True
    )


def add_missing_rows(rows: Sequence[Mapping[str, Any]], result_dir: Path) -> None:
    """Write the rows whose `result.json` a crash has cost, where Tune would have put them.

    Tune copies its files to the result dir now and then; the log is written at once.
    """
    # Cells that were begun before a crash have no row, and were begun again.
    found = {row["cell"] for row in finished_rows(result_dir)[0]}
    for row in rows:
        if row["cell"] not in found:
            folder = result_dir / f"{row['cell']}-from_log"
            folder.mkdir(exist_ok=True)
            (folder / "result.json").write_text(json.dumps(dict(row)) + "\n", encoding="utf-8")


def measured_table(cells: pd.DataFrame, costs: Costs) -> pd.DataFrame:
    """One line a measured cell: what it is, its score, and its cost alone and on top of what was there."""
    rows = []
    for row in cells.to_dict("records"):
        teacher = "" if pd.isna(row["teacher"]) else short_name(str(row["teacher"]))
        rows.append(
            {
                "labels": f"{row['n'] + row['labels']:,}",
                "teacher": teacher or "-",
                "u": f"{row['pseudo_labels']:,}",
                "student steps": f"{row['student_steps']:,}",
                "score": "none" if pd.isna(row["score"]) else f"{row['score']:.4f}",
                "cost": f"${row['cost_total']:,.4f}",
                "incurred": f"${row['cost_incurred']:,.4f}",
                "kgCO2e": f"{row['kgco2e']:.3g}",
                "": "" if row["n"] == costs.owned else "probe",
            }
        )
    return pd.DataFrame(rows)


def recommendation_lines(best: Recommended, search: Search, carbon: Carbon) -> Iterator[str]:
    """The plan for the budget, in dollars item by item, its score, and what making it would cost."""
    assert best.point is not None, "a budget that is searched pays for a plan"
    costs, known = search.space.costs, search.known()
    items = costs.items(best.point)
    yield f"recommended for ${best.level:,.2f} with N = {costs.owned:,} labels owned: {in_words(best.point, costs)}"
    yield from _item_lines(best.point, items, costs)
    yield f"  unspent                ${max(0.0, best.level - items.total):,.4f}"
    yield f"  kgCO2e                 {carbon.kgco2e(items):.3g}"
    yield _expected_line(best.expected)
    left = known.holdings.marginal(Candidate(best.point)).total
    seen = best.expected is not None and best.expected.seen
    made = seen or Candidate(best.point) in known.holdings.measured
    yield (
        "it is made: its student is in the store"
        if made
        else f"it is not made yet: that takes ${left:,.4f} more"
    )


def frontier_lines(
    levels: Sequence[Recommended], objective: Objective, costs: Costs, carbon: Carbon
) -> Iterator[str]:
    """A line for each level: what may be spent, the plan, its score and its burden."""
    yield f"the frontier of score against {'dollars' if objective == 'frontier' else 'kgCO2e'}:"
    for level in levels:
        most = f"${level.level:,.4f}" if objective == "frontier" else f"{level.level:.3g} kgCO2e"
        if level.point is None:
            yield f"  up to {most}: nothing that is known can be paid"
            continue
        items = costs.items(level.point)
        yield (
            f"  up to {most}: {in_words(level.point, costs)}; {_score(level.expected)}; "
            f"${items.total:,.4f}, {carbon.kgco2e(items):.3g} kgCO2e"
        )


def ending_lines(search: Search) -> Iterator[str]:
    """What the search has spent, and why it has stopped."""
    failed = sum(observation.score is None for observation in search.observations)
    counted = f"{len(search.observations)} measured" + (
        f", {failed} of them failed" if failed else ""
    )
    budgets = search.spent_usd / search.space.budget_usd
    yield (
        f"the search spent ${search.spent_usd:,.4f} of its limit of ${search.limit_usd:,.2f} "
        f"({budgets:.2f} budgets); {counted}"
    )
    yield f"it stopped: {search.stopped}"


def in_words(point: Point, costs: Costs) -> str:
    """A plan in a few words."""
    bought = point.labels - costs.owned
    labels = f"buy {bought:,} labels" if bought > 0 else "buy no labels"
    steps = f"{point.student_steps:,} student steps"
    if not point.teacher:
        return f"annotate: {labels}, {steps}"
    strategy = "mixed" if bought > 0 else "distill"
    return f"{strategy}: {labels}, {short_name(point.teacher)} labels U = {point.u:,}, {steps}"


def _item_lines(point: Point, items: Items, costs: Costs) -> Iterator[str]:
    bought = max(0, point.labels - costs.owned)
    yield f"  labels                 ${items.labels:,.4f}  ({bought:,} at ${costs.label_usd:,.3f})"
    if point.teacher:
        name = short_name(point.teacher)
        yield f"  teacher's fine-tuning  ${items.teacher:,.4f}  ({name} on {point.labels:,} labels)"
        yield f"  pseudo-labels          ${items.pseudo_labels:,.4f}  ({point.u:,} rows)"
    yield f"  student's training     ${items.student:,.4f}  ({point.student_steps:,} steps)"
    yield f"  total                  ${items.total:,.4f}"


def _expected_line(expected: Expectation | None) -> str:
    if expected is None:
        return "score: not known; nothing was measured"
    return _score(expected)


def _score(expected: Expectation | None) -> str:
    if expected is None:
        return "score not known"
    times = f"; measured {expected.seen} x" if expected.seen else ""
    if expected.low is None or expected.high is None:
        return f"measured score {expected.score:.4f}"
    return f"predicted score {expected.score:.4f}, 80% interval {expected.low:.4f} to {expected.high:.4f}{times}"
