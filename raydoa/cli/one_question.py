"""The flags of a sweep as one question, of a plan or a search: one task, N and budget, over all allocations."""

import argparse
from collections.abc import Sequence

from raydoa.errors import UserError
from raydoa.experiment.config import Sweep

_SHARD_ROWS = 100
"""Rows of a shard: small enough that a probe of a small pool pays for no more."""


def narrowed(sweep: Sweep, options: argparse.Namespace, asked: str, chosen: Sequence[str]) -> Sweep:
    """The configuration of a sweep, cut down to one question.

    Args:
        sweep: as the flags say.
        options: the flags.
        asked: what it is for, for people: "plan".
        chosen: flags that must not be given, since everything on their axes is looked at.

    Raises:
        UserError: one of the flags asks for more than one question, or for less than all allocations.
    """
    if options.budgets is None:
        raise UserError(f"--budget: missing; a {asked} is for one budget, in dollars")
    if options.tasks is None and len(sweep.grid.tasks) > 1:
        raise UserError(f"--task: missing; the tasks are {', '.join(sweep.grid.tasks)}")
    for flag in chosen:
        if getattr(options, flag) is not None:
            raise UserError(
                f"--{flag.replace('_', '-')}: a {asked} looks at all of them; leave it out"
            )
    single = {
        "task": options.tasks,
        "n": options.n,
        "budget": options.budgets,
        "seeds": options.seeds,
    }
    for flag, given in single.items():
        if given is not None and len(given) > 1:
            raise UserError(
                f"--{flag}: found {', '.join(given)}; a {asked} is for one, run one for each"
            )
    grid = sweep.grid.model_copy(
        update={
            "strategies": ("annotate", "distill", "mixed"),
            "n": sweep.grid.n[:1],
            "seeds": sweep.grid.seeds[:1],
            "u": (1,),
        }
    )
    return sweep.model_copy(update={"grid": grid, "shard_rows": min(sweep.shard_rows, _SHARD_ROWS)})
