"""The full grid: every combination of the axes that means something.

`annotate` has no teacher and no pool, so it has one cell per task, N, budget and seed; `self_distill` has a
pool and is its own teacher. `mixed` has what `distill` has, once for each share of the budget that labels get.
"""

from itertools import product

from raydoa.experiment.cell import Cell
from raydoa.experiment.config import Grid


def grid_cells(grid: Grid, student: str) -> list[Cell]:
    """The cells of ``grid``, each once.

    Seeds vary slowest, and larger pools come before smaller ones, whose shards are among theirs. This order decides who
    is the first to buy a label; the order in which cells begin is `raydoa.experiment.order`'s.
    """
    pools = [None, *sorted(grid.u, reverse=True)]
    return [
        Cell(task, strategy, budget, n, u, teacher, student, seed, label_share)
        for seed, task, n, u, budget, strategy in product(
            grid.seeds, grid.tasks, grid.n, pools, grid.budgets, grid.strategies
        )
        for teacher in _teachers(strategy, u, grid, student)
        for label_share in (grid.label_shares if strategy == "mixed" else (None,))
    ]


def _teachers(
    strategy: str, u: int | None, grid: Grid, student: str
) -> tuple[str, ...] | tuple[None]:
    """The teachers of a strategy's cells with a pool of ``u`` rows, or without one."""
    if (u is None) != (strategy == "annotate"):
        return ()
    match strategy:
        case "annotate":
            return (None,)
        case "self_distill":
            return (student,)
        case _:
            return grid.teachers
