"""The table that ends a sweep: per task, N and budget, the best of each strategy, and who wins."""

import pandas as pd
from tabulate import tabulate

from raydoa.report.cost_items import quantity_columns
from raydoa.report.strategies import strategy_of

_KEYS = ["task", "n", "budget"]


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per task, N and budget; a column per strategy tells its best choice in words.

    The best choice (teacher, U, labels) of a strategy is the one with the highest mean score over seeds; a strategy
    none of whose cells is affordable says so. ``winner`` is the strategy with the highest mean; it carries a
    question mark where its seeds overlap those of the next, or where there is one seed.
    """
    strategies = sorted(cells["strategy"].unique())
    rows = []
    for key, group in cells.groupby(_KEYS, sort=True):
        best = {name: _best(group[group["strategy"] == name]) for name in strategies}
        words = {
            name: _words(choice, group[group["strategy"] == name]) for name, choice in best.items()
        }
        measured = {name: choice for name, choice in best.items() if choice is not None}
        rows.append(dict(zip(_KEYS, key, strict=True)) | words | {"winner": _winner(measured)})
    return pd.DataFrame(rows)


def notes(cells: pd.DataFrame) -> list[str]:
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


def _best(cells: pd.DataFrame) -> pd.DataFrame | None:
    measured = cells[cells["feasible"] & cells["score"].notna()]
    if measured.empty:
        return None
    choice = ["teacher", "choices", "u", *quantity_columns(cells)]
    choices = [of_choice for _, of_choice in measured.groupby(choice, dropna=False)]
    return max(choices, key=lambda of_choice: float(of_choice["score"].mean()))


def _words(choice: pd.DataFrame | None, group: pd.DataFrame) -> str:
    if choice is None:
        return "no score" if group["feasible"].any() else "unaffordable"
    first = choice.iloc[0]
    score = f"{choice['score'].mean():.3f}"
    if len(choice) > 1:
        score += f" [{choice['score'].min():.3f}, {choice['score'].max():.3f}]"
    bought = strategy_of(first["strategy"]).bought(first.to_dict())
    return f"{score} {bought} ${choice['cost_total'].mean():,.2f}"


def _winner(best: dict[str, pd.DataFrame]) -> str:
    ranked = sorted(best, key=lambda name: -float(best[name]["score"].mean()))
    if not ranked:
        return "none"
    if len(ranked) == 1:
        return ranked[0]
    first, second = best[ranked[0]], best[ranked[1]]
    sure = min(len(first), len(second)) > 1 and first["score"].min() > second["score"].max()
    return ranked[0] if sure else f"{ranked[0]}?"


def _cell(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
