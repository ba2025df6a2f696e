"""A table for a terminal, and what is missing in one."""

import pandas as pd
from tabulate import tabulate

from raydoa.report.majority import no_winners
from raydoa.report.pareto import awaits_labels
from raydoa.report.zeros import zero_notes


def table_notes(cells: pd.DataFrame) -> list[str]:
    """What a reader of the table must know: one line for each thing that is missing in it."""
    lines = []
    awaits = awaits_labels(cells)
    reasons = {"are infeasible": cells[~cells["feasible"]], "await labels": cells[awaits]}
    for what, without in reasons.items():
        if len(without):
            first = without.iloc[0]
            lines.append(
                f"{len(without)} of {len(cells)} cells {what}, such as {first['cell']}: "
                f"{first['infeasible_reason']}"
            )
    unscored = cells[cells["feasible"] & ~awaits & cells["score"].isna()]
    if len(unscored):
        lines.append(
            f"{len(unscored)} of {len(cells)} cells have no score, such as {unscored.iloc[0]['cell']}: "
            f"{unscored.iloc[0]['metric']} needs a model that was not given, or came out as no number"
        )
    lines += no_winners(cells)
    lines += zero_notes(cells)
    if cells["seed"].nunique() == 1:
        lines.append("one seed: no intervals over seeds, and no winner is sure")
    return lines


def standalone(cells: pd.DataFrame) -> str:
    """The sum of standalone costs, with what of it is not measured yet: sharing saves nothing of that."""
    awaiting = cells["cost_total"][awaits_labels(cells)]
    of_which = f" (${awaiting.sum():,.2f} of it awaits labels)" if len(awaiting) else ""
    return f"standalone ${cells['cost_total'].sum():,.2f}{of_which}"


def as_text(table: pd.DataFrame) -> str:
    """The table for a terminal: left-aligned columns, one line per row."""
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return tabulate(rows, [str(name) for name in table], "simple", disable_numparse=True)


def _cell(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
