"""A configuration as one question, of a plan or a search: one task, N and budget, over all allocations."""

from collections.abc import Collection, Mapping, Sequence

from raydoa.errors import UserError
from raydoa.experiment.configuration import Configuration
from raydoa.strategies import STRATEGIES

_SHARD_ROWS = 100
"""Rows of a shard: small enough that a probe of a small pool pays for no more."""

_FLAGS: Mapping[str, str] = {"tasks": "task", "budgets": "budget", "n": "n", "seeds": "seeds"}
"""Axes of which a question has one value, and the flags that name it."""


def one_question(
    configuration: Configuration,
    asked: str,
    open_axes: Sequence[str],
    *,
    given: Collection[str],
    flagged: Collection[str],
) -> Configuration:
    """Narrow a configuration to one question.

    Args:
        configuration: what was asked for.
        asked: what it is for, for people: "plan".
        open_axes: axes on which everything is looked at.
        given: fields that somebody chose; of other axes, which are a preset's, the first value is taken.
        flagged: fields that were chosen for this question alone.

    Raises:
        UserError: it is more than one question, or an open axis was to be narrowed.
    """
    sweep = configuration.sweep
    grid = sweep.grid
    if "budgets" not in given:
        raise UserError(f"--budget: missing; a {asked} is for one budget, in dollars")
    if "tasks" not in given and len(grid.tasks) > 1:
        raise UserError(f"--task: missing; the tasks are {', '.join(grid.tasks)}")
    for axis in open_axes:
        if axis in flagged:
            flag = axis.replace("_", "-")
            raise UserError(f"--{flag}: a {asked} looks at all of them; leave it out")
    for axis, flag in _FLAGS.items():
        # A file's seeds are a sweep's repetitions, of which a question takes the first.
        chosen = axis in (flagged if axis == "seeds" else given)
        values = getattr(grid, axis)
        if chosen and len(values) > 1:
            listed = ", ".join(
                f"{value:g}" if axis == "budgets" else str(value) for value in values
            )
            raise UserError(f"--{flag}: found {listed}; a {asked} is for one, run one for each")
    narrowed = grid.model_copy(
        update={
            "strategies": STRATEGIES.names(),
            "n": grid.n[:1],
            "seeds": grid.seeds[:1],
            "u": (1,),
        }
    )
    changes = {"grid": narrowed, "shard_rows": min(sweep.shard_rows, _SHARD_ROWS)}
    return configuration.model_copy(update={"sweep": sweep.model_copy(update=changes)})
