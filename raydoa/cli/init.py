"""`raydoa init`: from a file of rows to the YAML of a task; what was inferred is said, and what is still to say.

At a terminal that is asked for; where input or output is piped, it stands in the file as a comment.
"""

import argparse
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raydoa.tasks.infer import Inferred
    from raydoa.tasks.task import TaskSpec

_TEST = "test: FILE  # labelled rows that no training sees; some hundred at least"
_PRICE = (
    "label_price: {usd: DOLLARS, source: WHERE_FROM, date: DAY}  # what somebody takes for a label"
)


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of a new task."""
    parser.add_argument("train", type=Path, metavar="FILE", help="labelled rows")
    parser.add_argument("--test", type=Path, metavar="FILE", help="labelled rows that are scored on")  # fmt: skip
    parser.add_argument("--pool", type=Path, metavar="FILE", help="rows without labels")
    parser.add_argument("--name", help="of the task; that of the file, unless given")
    parser.add_argument("--label-usd", type=float, metavar="DOLLARS", help="the price of a label")
    parser.add_argument("--label-source", metavar="TEXT", help="where that price is from")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from raydoa.errors import UserError
    from raydoa.tasks.infer import infer, yaml_lines

    name = re.sub(r"[^a-z0-9_-]+", "-", (options.name or options.train.name.split(".")[0]).lower())
    file: Path = options.train.parent / f"{name}.yaml"
    if file.exists():
        raise UserError(f"{file}: is there already; name another with --name, or remove it")
    if (options.label_usd is None) != (options.label_source is None):
        raise UserError("--label-usd and --label-source: one is missing; a price says where it is from")  # fmt: skip
    found = infer(_probe(name, options.train))
    if sys.stdin.isatty() and sys.stdout.isatty():
        _ask(options)
    fields = [*found.fields, *_places(options, file.parent), *_price(options)]
    missing = [
        *([_TEST] if options.test is None else []),
        *([_PRICE] if options.label_usd is None else []),
    ]
    lines = [*yaml_lines(fields), *(f"# STILL TO SAY: {line}" for line in missing)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join([*lines, "", *(f"note: {note}" for note in found.notes)]))
    then = "say what is still to say, then" if missing else "now"
    print(f"{file} is written; {then}: raydoa check {file}")
    return 0


def _ask(options: argparse.Namespace) -> None:
    """Ask for what no row shows; an empty answer leaves it to be said later."""
    if options.test is None and (answer := _answer("File of the test rows (empty: later): ")):
        options.test = Path(answer)
    usd = options.label_usd
    while usd is None:
        answer = _answer("Dollars for a label (empty: later): ").removeprefix("$")
        if not answer:
            return
        try:
            usd = float(answer)
        except ValueError:
            usd = None
        if usd is None or not (math.isfinite(usd) and usd >= 0):
            print(f"found {answer!r}; expected a number of dollars, such as 0.20")
            usd = None
    source = options.label_source or _answer("Where that price is from (empty: all of it later): ")
    if source:
        options.label_usd, options.label_source = usd, source


def _answer(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:  # Ctrl-D.
        print()
        return ""


def _probe(name: str, train: Path) -> "TaskSpec":
    from raydoa.tasks.task import TaskSpec

    where = str(train.resolve())
    return TaskSpec(name=name, prefix="", metric="exact_match", source_length=2, target_length=2, train=where, test=where)  # fmt: skip


def _places(options: argparse.Namespace, folder: Path) -> "Iterator[Inferred]":
    """Where rows are, as seen from the YAML file."""
    from raydoa.tasks.infer import Inferred

    here = folder.resolve()
    for part in ("train", "test", "pool"):
        place: Path | None = getattr(options, part)
        if place is not None:
            whole = place.resolve()
            yield Inferred(part, str(whole.relative_to(here) if whole.is_relative_to(here) else whole))  # fmt: skip


def _price(options: argparse.Namespace) -> "Iterator[Inferred]":
    import datetime

    from raydoa.tasks.infer import Inferred

    if options.label_usd is not None:
        day = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        price = {"usd": options.label_usd, "source": options.label_source, "date": day}
        yield Inferred("label_price", price)
