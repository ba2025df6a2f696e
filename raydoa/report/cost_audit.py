"""What a sweep really took: incurred against standalone cost, and measured against planned GPU-seconds."""

from collections.abc import Sequence

import pandas as pd

from raydoa.report.cost_items import reported_items
from raydoa.report.pareto import awaits_labels


def sharing(cells: pd.DataFrame, by: Sequence[str] = ("task", "strategy")) -> pd.DataFrame:
    """What sharing saved: one row per value of ``by``, and one, ``all``, for the whole.

    Columns: ``cells``, ``standalone`` and ``incurred`` (dollars), ``ratio`` (standalone over incurred: each dollar
    paid for so many dollars' worth), ``saved`` (dollars). The first cell that needs an artifact bears it, so a
    row's own ratio depends on the order of the sweep, and that of all does not.
    """
    paid = cells[cells["feasible"] & ~awaits_labels(cells)].sort_values(list(by))
    whole = paid.assign(**dict.fromkeys(by, "all"))
    grouped = pd.concat([paid, whole]).groupby(list(by), sort=False)
    table = grouped.agg(
        cells=("cell", "size"), standalone=("cost_total", "sum"), incurred=("cost_incurred", "sum")
    ).reset_index()
    table["ratio"] = table["standalone"] / table["incurred"].where(table["incurred"] > 0)
    return table.assign(saved=table["standalone"] - table["incurred"])


def audit(cells: pd.DataFrame) -> pd.DataFrame:
    """Planned against measured GPU-seconds, one row per cost item, model and basis; what cells share is counted once.

    Columns: ``item``, ``model``, ``basis`` (``measured``, ``estimated`` or ``scaled``), ``made`` (how many),
    ``planned`` and ``measured`` (GPU-seconds in all; worker-seconds of a CPU on a machine without a GPU), ``ratio``
    (measured over planned, in all), ``ratio_low`` and ``ratio_high`` (the middle 80% of single ones). A plan that
    is ``scaled`` is one of other models on another machine: its ratio says nothing about the plan.
    """
    parts = []
    for item in reported_items(cells):
        columns = [
            f"{kind}_{item.name}" for kind in ("basis", "gpu_seconds", "measured_gpu_seconds")
        ]
        measured = cells[cells[columns[-1]].notna() & cells["feasible"]]
        part = measured[columns].set_axis(["basis", "planned", "measured"], axis=1)
        part = part.assign(item=item.name, model=measured[item.model] if item.model else None)
        # Clocks do not say the same twice: the same seconds, to the last bit, are those of the same artifacts.
        parts.append(part.drop_duplicates())
    made = pd.concat(parts, ignore_index=True)
    made["each"] = made["measured"] / made["planned"]
    table = made.groupby(["item", "model", "basis"], sort=False, dropna=False).agg(
        made=("each", "size"),
        planned=("planned", "sum"),
        measured=("measured", "sum"),
        ratio_low=("each", lambda each: each.quantile(0.1)),
        ratio_high=("each", lambda each: each.quantile(0.9)),
    )
    table.insert(3, "ratio", table["measured"] / table["planned"])
    return table.reset_index()
