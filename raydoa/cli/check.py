"""`raydoa check`: look at the rows of a task; nothing is spent or made."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raydoa.tasks.data import TaskRows
    from raydoa.tasks.look.lengths import ModelLengths
    from raydoa.tasks.task import TaskSpec


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of a look."""
    parser.add_argument("tasks", nargs="+", metavar="TASK",
                        help="the YAML file of a task of one's own, or the name of a known one")  # fmt: skip
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder of the known tasks' rows")  # fmt: skip
    parser.add_argument("--models", nargs="+", default=[], metavar="MODEL",
                        help="folders or hub names, in whose tokens lengths are counted as well")  # fmt: skip
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from raydoa.tasks.catalog import task_given, task_rows
    from raydoa.tasks.look.look import look_at

    meaningless = False
    for name in options.tasks:
        spec = task_given(name, options.data)
        rows = task_rows(spec, options.data)
        look = look_at(rows, spec).counted(list(_counted(options.models, rows, spec)))
        print("\n".join(look.lines()))
        meaningless = meaningless or bool(look.problems)
    return 1 if meaningless else 0


def _counted(models: "list[str]", rows: "TaskRows", spec: "TaskSpec") -> "Iterator[ModelLengths]":
    """Lengths in the tokens of each model."""
    from raydoa.errors import UserError
    from raydoa.models.hub import checkpoint_folder, local_folder, locate
    from raydoa.models.lookup import family_at
    from raydoa.models.objective import objective_of
    from raydoa.models.token_lengths import token_lengths
    from raydoa.tasks.look.lengths import lengths_in_tokens

    for model in models:
        folder = local_folder(model, None) or checkpoint_folder(locate(model, None).place, weights=False)  # fmt: skip
        count = token_lengths(folder)
        if count is None:
            raise UserError(f"--models {model}: no tokenizer.json in {folder}; save_pretrained of a fast tokenizer writes it")  # fmt: skip
        writes = family_at(folder, None).objective(objective_of(spec)) is None
        yield lengths_in_tokens(rows, spec, model, count, writes=writes)
