"""The full grid: every budget for every combination of the axes that a strategy varies."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.cell import Cell
from raydoa.experiment.config import Grid
from raydoa.strategies import STRATEGIES

_CELL_AXES = ("u", "teacher", "label_share")


def grid_cells(
    grid: Grid, student: str, owned: Mapping[str, Sequence[int]] | None = None
) -> list[Cell]:
    """The cells of ``grid``, each once; ``owned`` are the values of N of tasks that have others than the grid's.

    Seeds vary slowest, and larger pools come before smaller ones, whose shards are among theirs. This order decides who
    is the first to buy a label; the order in which trials begin is `raydoa.experiment.schedule`'s.

    Raises:
        UserError: an axis of a strategy's own has no values, or there are values of an axis that none varies.
    """
    varied = {name: STRATEGIES.get(name).axes(grid, student) for name in grid.strategies}
    _check_choices(grid, varied)
    order = {budget: position for position, budget in enumerate(grid.budgets)}
    names = {name: position for position, name in enumerate(grid.strategies)}
    cells = []
    owned = owned or {}
    tasks = [(task, n) for task in grid.tasks for n in owned.get(task, grid.n)]
    for seed, (task, n) in product(grid.seeds, tasks):
        block = [
            Cell(
                task=task,
                strategy=strategy,
                budget=budget,
                n=n,
                u=chosen.get("u"),
                teacher=chosen.get("teacher"),
                student=student,
                seed=seed,
                label_share=chosen.get("label_share"),
                choices=tuple((axis, v) for axis, v in chosen.items() if axis not in _CELL_AXES),
            )
            for strategy, axes in varied.items()
            for chosen in (dict(zip(axes, v, strict=True)) for v in product(*axes.values()))
            for budget in grid.budgets
        ]
        # The sort is stable: teachers and shares stay in the grid's order.
        block.sort(key=lambda c: (-(c.u or 10**18), order[c.budget], names[c.strategy]))
        cells += block
    return cells


def _check_choices(grid: Grid, varied: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
    for strategy, axes in varied.items():
        empty = [axis for axis, values in axes.items() if not values]
        if empty:
            flag = f"--{empty[0]}s" if f"{empty[0]}s" in Grid.model_fields else "choices"
            raise UserError(f"{flag}: {strategy} needs values of {empty[0]}; none are given")
    if grid.llms and not any("llm" in axes for axes in varied.values()):
        raise UserError(
            f"--llms: no strategy of this grid ({', '.join(varied)}) asks an LLM; llm_annotate, llm_mixed and llm_distill do"
        )
    fields = {*_CELL_AXES, "llm", "shots", "llm_rows"}  # Those that the grid has itself.
    own = sorted({axis for axes in varied.values() for axis in axes if axis not in fields})
    for axis in grid.choices:
        if axis not in own:
            raise UserError(
                f"choices: found {axis!r}; the strategies of this grid vary {', '.join(own) or 'no axes of their own'}"
                f"{did_you_mean(axis, own)}"
            )
