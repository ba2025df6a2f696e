"""The command line: names a configuration, narrows it, runs it.

A file here is a command: `add` gives it its flags, and `run` in them what it does. Only the command that is called is
imported: help costs nothing else, and each command costs what it needs. A user's mistake is one line and exit code 2,
wherever it is detected; a run that failed or was stopped is one line and exit code 1 or 130; a traceback is a defect of
ours.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from raydoa.errors import (
    NO_SPACE,
    ClusterDied,
    Interrupted,
    RunFailed,
    StoppedAtOnce,
    UserError,
    did_you_mean,
)

_COMMANDS: Mapping[str, str] = {
    "init": "from a file of rows to the YAML of a task",
    "check": "look at a task's rows before money is spent",
    "plan": "what a budget buys, and brings where that is known",
    "sweep": "measure a grid of budgets, N, U and teachers",
    "search": "find the best split of a budget",
    "report": "what sweeps found: table, sentences, page, figures",
    "calibrate": "measure unit costs on this GPU",
    "llm": "measure LLMs on owned rows",
    "store": "look into a store, check it, clean it up",
    "account": "real money: reserved, owed and paid",
    "doctor": "check a cluster file, or a running cluster",
    "drain-on-notice": "drain this Ray node when its cloud takes the machine away",
}
"""What there is, and its line of help; the file of each has its name."""


class _Parser(argparse.ArgumentParser):
    """argparse, with errors of one line; ``fill`` adds its flags as soon as they are wanted."""

    def __init__(
        self, fill: Callable[[argparse.ArgumentParser], None] | None = None, **options: Any
    ) -> None:
        super().__init__(allow_abbrev=False, **options)
        self._fill = fill

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse, but a FILE may come after flags, and an unknown flag is an error here, with the nearest one."""
        if self._fill is not None:
            fill, self._fill = self._fill, None
            fill(self)
        options, unknown = super().parse_known_args(args, namespace)
        if len(unknown) == 1 and not unknown[0].startswith("-") and self._takes_file(options):
            options.file = Path(
                unknown.pop()
            )  # Before Python 3.12 argparse fills a `?` as soon as it can.
        if unknown:
            near = did_you_mean(unknown[0].partition("=")[0], list(self._option_string_actions))
            self.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
        return options, unknown

    def _takes_file(self, options: argparse.Namespace) -> bool:
        return any(action.dest == "file" for action in self._actions) and options.file is None


def main(arguments: Sequence[str] | None = None) -> int:
    """`raydoa init | check | plan | sweep | search | report | calibrate | llm | store | account | doctor | drain-on-notice`."""
    parser = _Parser(prog="raydoa", description="Distill or annotate?")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, said in _COMMANDS.items():
        commands.add_parser(name, help=said, fill=partial(_add, name))
    return _guarded(parser, arguments)


def sweep_main(default: str, arguments: Sequence[str] | None = None) -> int:
    """A sweep script: `raydoa sweep` with another default configuration."""
    fill = partial(_add, "sweep", default=default)
    parser = _Parser(fill, description="Measure a grid of budgets, N, U and teachers.")
    return _guarded(parser, arguments)


def search_main(default: str, arguments: Sequence[str] | None = None) -> int:
    """A search script: `raydoa search` with another default configuration."""
    fill = partial(_add, "search", default=default)
    parser = _Parser(fill, description="Find the best split of a budget.")
    return _guarded(parser, arguments)


def _add(name: str, parser: argparse.ArgumentParser, **options: str) -> None:
    """Give a parser the flags of a command."""
    import_module(f"raydoa.cli.{name.replace('-', '_')}").add(parser, **options)


def _guarded(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        with _terminated_as_interrupted():
            return run(options)
    except (ClusterDied, StoppedAtOnce) as end:
        # It was said. Python's own way out would disconnect from the dead cluster, which may end in another exit code.
        os._exit(1 if isinstance(end, ClusterDied) else 130)
    except Interrupted as stop:
        code, message = 130, str(stop)
    except KeyboardInterrupt:
        code, message = 130, "stopped; the same command goes on from there"
    except RunFailed as failure:
        code, message = 1, str(failure)
    except UserError as mistake:
        code, message = 2, str(mistake)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        code = 2
        message = f"{error.filename or 'a disk'}: no space left; make room and run it again"
    print(f"raydoa: {' '.join(message.split())}", file=sys.stderr)
    return code


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM does what SIGINT does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if before is not None:  # A handler that is not Python's.
            signal.signal(signal.SIGTERM, before)
