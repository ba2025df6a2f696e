"""`raydoa check`: look at the rows of a task; nothing is spent or made."""

import argparse
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of a look."""
    parser.add_argument("tasks", nargs="+", metavar="TASK",
                        help="the YAML file of a task of one's own, or the name of a known one")  # fmt: skip
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder of the known tasks' rows")  # fmt: skip
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from raydoa.tasks.catalog import task_given, task_rows
    from raydoa.tasks.look.look import look_at

    meaningless = False
    for name in options.tasks:
        spec = task_given(name, options.data)
        look = look_at(task_rows(spec, options.data), spec)
        print("\n".join(look.lines()))
        meaningless = meaningless or bool(look.problems)
    return 1 if meaningless else 0
