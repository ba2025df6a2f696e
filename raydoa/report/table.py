"""The table that ends a sweep: per task, N and budget, the best of each strategy, and who wins."""

import pandas as pd

_KEYS = ["task", "n", "budget"]
_CHOICE = ["teacher", "u", "labels", "teacher_steps", "pseudo_labels", "student_steps"]


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per task, N and budget; a column per strategy tells its best choice in words.

    The best choice (teacher, U, labels) of a strategy is the one with the highest mean score over seeds; a strategy
    none of whose cells can be paid says so. ``winner`` is the strategy with the highest mean; it carries a
    question mark where its seeds overlap those of the next, or where there is one seed.
    """
    strategies = sorted(cells["strategy"].unique())
    rows = []
    for key, group in cells.groupby(_KEYS, sort=True):
        best = {name: _best(group[group["strategy"] == name]) for name in strategies}
        words = {
            name: _words(choice, group[group["strategy"] == name]) for name, choice in best.items()
        }
        found = {name: choice for name, choice in best.items() if choice is not None}
        rows.append(dict(zip(_KEYS, key, strict=True)) | words | {"winner": _winner(found)})
    return pd.DataFrame(rows)


def notes(cells: pd.DataFrame) -> list[str]:
    """What a reader of the table must know: one line for each thing that is missing in it."""
    lines = []
    unpaid = cells[~cells["feasible"]]
    if len(unpaid):
        first = unpaid.iloc[0]
        lines.append(
            f"{len(unpaid)} of {len(cells)} cells cannot be paid, such as {first['cell']}: {first['infeasible_reason']}"
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


def short_name(model: str) -> str:
    """A model's name without its owner or folder."""
    return model.rstrip("/").rsplit("/", 1)[-1]


def as_text(table: pd.DataFrame) -> str:
    """The table for a terminal: left-aligned columns, one line per row."""
    header = [str(name) for name in table.columns]
    lines = [header, *([_cell(value) for value in row] for row in table.itertuples(index=False))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    text = [
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join([text[0], "  ".join("-" * width for width in widths), *text[1:]])


def as_markdown(table: pd.DataFrame) -> str:
    """The table for a document."""
    header = " | ".join(str(name) for name in table.columns)
    lines = [" | ".join(_cell(value) for value in row) for row in table.itertuples(index=False)]
    rule = " | ".join("---" for _ in table.columns)
    return "\n".join(f"| {line} |" for line in [header, rule, *lines])


def _best(cells: pd.DataFrame) -> pd.DataFrame | None:
    measured = cells[cells["feasible"] & cells["score"].notna()]
    if measured.empty:
        return None
    choices = [choice for _, choice in measured.groupby(_CHOICE, dropna=False)]
    return max(choices, key=lambda choice: float(choice["score"].mean()))


def _words(choice: pd.DataFrame | None, group: pd.DataFrame) -> str:
    if choice is None:
        return "no score" if group["feasible"].any() else "cannot be paid"
    first = choice.iloc[0]
    score = f"{choice['score'].mean():.3f}"
    if len(choice) > 1:
        score += f" [{choice['score'].min():.3f}, {choice['score'].max():.3f}]"
    bought = []
    if first["strategy"] in ("annotate", "mixed"):
        bought.append(f"+{int(first['labels']):,} labels")
    if not pd.isna(first["teacher"]):
        bought.append(f"U={int(first['pseudo_labels']):,}")
    if first["strategy"] in ("distill", "mixed") and not pd.isna(first["teacher"]):
        bought.append(short_name(str(first["teacher"])))
    return f"{score} {' '.join(bought)} ${choice['cost_total'].mean():,.2f}"


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
