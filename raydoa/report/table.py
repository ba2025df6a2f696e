"""A table for a terminal, and what is missing in one."""

import pandas as pd
from tabulate import tabulate


def table_notes(cells: pd.DataFrame) -> list[str]:
    """What a reader of the table must know: one line for each thing that is missing in it."""
    lines = []
    infeasible = cells[~cells["feasible"]]
    if len(infeasible):
        first = infeasible.iloc[0]
        lines.append(
            f"{len(infeasible)} of {len(cells)} cells are unaffordable, such as {first['cell']}: "
            f"{first['infeasible_reason']}"
        )
    unscored = cells[cells["feasible"] & cells["score"].isna()]
    if len(unscored):
        lines.append(
            f"{len(unscored)} of {len(cells)} cells have no score, such as {unscored.iloc[0]['cell']}: "
            f"{unscored.iloc[0]['metric']} needs a model that was not given, or came out as no number"
        )
    if cells["seed"].nunique() == 1:
        lines.append("one seed: no intervals over seeds, and no winner is sure")
    return lines


def as_text(table: pd.DataFrame) -> str:
    """The table for a terminal: left-aligned columns, one line per row."""
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return tabulate(rows, [str(name) for name in table], "simple", disable_numparse=True)


def _cell(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
