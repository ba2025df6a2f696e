"""The full grid: every budget for every combination of the axes that a strategy varies."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from raydoa.experiment.cell import Cell
from raydoa.experiment.config import Grid
from raydoa.strategies import STRATEGIES

_CELL_AXES = ("u", "teacher", "label_share")


def grid_cells(grid: Grid, student: str) -> list[Cell]:
    """The cells of ``grid``, each once.

    Seeds vary slowest, and larger pools come before smaller ones, whose shards are among theirs. This order decides who
    is the first to buy a label; the order in which trials begin is `raydoa.experiment.order`'s.
    """
    varied = {name: STRATEGIES.get(name).axes(grid, student) for name in grid.strategies}
    cells = [
        _cell(grid, student, strategy, owned, budget, dict(zip(axes, values, strict=True)))
        for owned in product(grid.seeds, grid.tasks, grid.n)
        for strategy, axes in varied.items()
        for values in product(*axes.values())
        for budget in grid.budgets
    ]
    order = {budget: position for position, budget in enumerate(grid.budgets)}
    names = {name: position for position, name in enumerate(grid.strategies)}
    # The sort is stable: seeds, tasks and N stay in their order, teachers and shares in the grid's.
    blocks = {(seed, task, n): i for i, (seed, task, n) in enumerate(product(grid.seeds, grid.tasks, grid.n))}  # fmt: skip
    return sorted(
        cells,
        key=lambda c: (
            blocks[c.seed, c.task, c.n],
            -(c.u or 10**18),
            order[c.budget],
            names[c.strategy],
        ),
    )


def _cell(
    grid: Grid,
    student: str,
    strategy: str,
    owned: tuple[int, str, int],
    budget: float,
    axes: Mapping[str, Any],
) -> Cell:
    seed, task, n = owned
    return Cell(
        task=task,
        strategy=strategy,
        budget=budget,
        n=n,
        u=axes.get("u"),
        teacher=axes.get("teacher"),
        student=student,
        seed=seed,
        label_share=axes.get("label_share"),
        choices=tuple((axis, value) for axis, value in axes.items() if axis not in _CELL_AXES),
    )
