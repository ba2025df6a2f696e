"""The grids whose scale is measured, planned without their data: lengths and prices are known, rows are not asked for.

Without rows there is no end of labels to buy and of pools, which is what the paper's grid assumes of its tasks.
"""

from dataclasses import dataclass

from raydoa.experiment.config import Grid, RuntimeConfig
from raydoa.experiment.forecast import Forecast, forecast
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.presets import paper
from raydoa.experiment.resolve import Resolved, resolve

HUNDREDFOLD = {
    "budgets": (50.0, 100.0, 200.0, 300.0, 500.0, 1000.0, 2000.0, 5000.0),
    "n": (100, 200, 500, 1000, 2000, 5000),
    "u": (5000, 10_000, 20_000, 30_000, 50_000, 100_000),
    "teachers": tuple(f"google/t5-v1_1-{size}" for size in ("base", "large", "xl", "xxl")),
    "seeds": tuple(range(32)),
}
"""The axes of a grid 100 times the paper's: 32 seeds, 8 budgets, 6 N, 6 U and 4 teachers; tasks and strategies stay."""

TEN_THOUSAND = {"budgets": HUNDREDFOLD["budgets"], "seeds": tuple(range(6))}
"""The paper's grid with twice its seeds and budgets: 11,232 cells."""


@dataclass(frozen=True)
class Planned:
    """A sweep and what it will take."""

    resolved: Resolved
    runtime: RuntimeConfig
    expected: Forecast


def planned(axes: dict[str, tuple[object, ...]]) -> Planned:
    """The paper's sweep with other axes, planned."""
    configuration = paper()
    sweep, runtime = configuration.sweep, configuration.runtime
    grid = Grid.model_validate({**sweep.grid.model_dump(), **axes})
    resolved = resolve(sweep.model_copy(update={"grid": grid}), runtime)
    cells = grid_cells(resolved.study.sweep.grid, resolved.study.sweep.student)
    return Planned(resolved, runtime, forecast(resolved.study, cells))
