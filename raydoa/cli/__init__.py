"""The command line: names a configuration, narrows it, runs it.

A file here is a command: `add` gives it its flags, and `run` in them what it does. A user's mistake is one line
and exit code 2, whoever finds it; a traceback is a defect of ours.
"""

import argparse
import errno
import logging
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from raydoa.cli import calibrate, doctor, drain_on_notice, plan, report, search, store, sweep
from raydoa.errors import Interrupted, UserError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class _Parser(argparse.ArgumentParser):
    """argparse, with its mistakes told as ours are."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """`raydoa plan | sweep | search | report | calibrate | store | doctor | drain-on-notice`."""
    parser = _Parser(prog="raydoa", description="Distill or annotate?")
    commands = parser.add_subparsers(dest="command", required=True)
    plan.add(commands.add_parser("plan", help="predict what a budget brings, and spend nothing"))
    sweep.add(commands.add_parser("sweep", help="measure a grid of budgets, N, U and teachers"))
    search.add(commands.add_parser("search", help="find the best split of a budget"))
    report.add(
        commands.add_parser("report", help="what sweeps found: table, sentences, page, figures")
    )
    calibrate.add(commands.add_parser("calibrate", help="measure unit costs on this GPU"))
    store.add(commands.add_parser("store", help="look into a store, check it, clean it up"))
    doctor.add(commands.add_parser("doctor", help="check a cluster file, or a running cluster"))
    notices = "drain this Ray node when its cloud takes the machine away"
    drain_on_notice.add(commands.add_parser("drain-on-notice", help=notices))
    return _guarded(parser, arguments)


def sweep_main(default: str, arguments: Sequence[str] | None = None) -> int:
    """A sweep script: `raydoa sweep` with another default configuration."""
    parser = _Parser(description="Measure a grid of budgets, N, U and teachers.")
    sweep.add(parser, default)
    return _guarded(parser, arguments)


def search_main(default: str, arguments: Sequence[str] | None = None) -> int:
    """A search script: `raydoa search` with another default configuration."""
    parser = _Parser(description="Find the best split of a budget.")
    search.add(parser, default)
    return _guarded(parser, arguments)


def _guarded(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    options = parser.parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except Interrupted as stopped:
        print(f"raydoa: {stopped}", file=sys.stderr)
        return 130
    except UserError as mistake:
        problem = str(mistake)
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        problem = f"{error.filename or 'a disk'}: no space left; make room and run it again"
    print(f"raydoa: {' '.join(problem.split())}", file=sys.stderr)
    return 2
