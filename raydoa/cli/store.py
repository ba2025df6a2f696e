"""`raydoa store`: list the artifacts, check them, remove what nothing needs."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from raydoa.pipeline.stages import VERSIONS
from raydoa.store.inspect import gc_lines, ls_lines, verify_lines
from raydoa.store.store import Store


def add(parser: argparse.ArgumentParser) -> None:
    """The commands of a store."""
    commands = parser.add_subparsers(dest="store_command", required=True)
    for name, run, text in (
        ("ls", _ls, "list the artifacts"),
        ("verify", _verify, "read every file and check it"),
        ("gc", _gc, "remove what nothing refers to"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("url", help="folder or URL of the store")
        command.set_defaults(run=run)
        if name == "ls":
            command.add_argument("--kind", help="only artifacts of this stage",
                                 choices=sorted(VERSIONS))  # fmt: skip
        if name == "verify":
            command.add_argument("--drop", action="store_true", help="remove what is damaged")
        if name == "gc":
            command.add_argument("--keep", nargs="+", type=Path, metavar="RESULT_DIR",
                                 help="remove every artifact that these sweeps do not use")  # fmt: skip
            command.add_argument("--older-than-hours", type=float, default=24.0)
            command.add_argument("--dry-run", action="store_true", help="only say what would go")


def _ls(options: argparse.Namespace) -> int:
    return _print(ls_lines(_opened(options.url), options.kind))


def _verify(options: argparse.Namespace) -> int:
    return _print(verify_lines(_opened(options.url), drop=options.drop))


def _gc(options: argparse.Namespace) -> int:
    keep = None
    if options.keep is not None:
        from raydoa.report.results import artifact_keys

        keep = {key for folder in options.keep for key in artifact_keys(folder)}
    seconds = options.older_than_hours * 3600
    return _print(gc_lines(_opened(options.url), keep, seconds, dry_run=options.dry_run))


def _opened(url: str) -> Store:
    store = Store(url)
    store.check_exists()
    return store


def _print(lines: Iterable[str]) -> int:
    for line in lines:
        print(line)
    return 0
