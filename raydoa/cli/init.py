"""`raydoa init`: from a file of rows to the YAML of a task; what was inferred is said, and what is still to say."""

import argparse
import re
from pathlib import Path


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
    import datetime

    from raydoa.errors import UserError
    from raydoa.tasks.infer import Inferred, infer, yaml_lines
    from raydoa.tasks.task import read_task_yaml

    name = options.name or re.sub(r"[^a-z0-9_-]+", "-", options.train.name.split(".")[0].lower())
    file = options.train.parent / f"{name}.yaml"
    if file.exists():
        raise UserError(f"{file}: is there already; name another with --name, or remove it")
    fields, notes = infer(name, options.train)
    missing = []
    for part in ("train", "test", "pool"):
        place: Path | None = getattr(options, part)
        if place is not None:
            beside = place.resolve().is_relative_to(file.parent.resolve())
            where = place.resolve().relative_to(file.parent.resolve()) if beside else place.resolve()  # fmt: skip
            fields.append(Inferred(part, str(where)))
        elif part == "test":
            missing.append(
                "test: FILE  # labelled rows that no training sees; at least some hundred"
            )
    if options.label_usd is None or options.label_source is None:
        missing.append(
            "label_price: {usd: DOLLARS, source: WHERE_FROM, date: DAY}  # what somebody takes for a label"
        )
    else:
        day = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        price = {"usd": options.label_usd, "source": options.label_source, "date": day}
        fields.append(Inferred("label_price", price))
    lines = [*yaml_lines(fields), *(f"# STILL TO SAY: {line}" for line in missing)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join([*lines, "", *(f"note: {note}" for note in notes)]))
    if missing:
        print(f"{file} is written; say what is still to say, then: raydoa check {file}")
    else:
        read_task_yaml(file)
        print(f"{file} is written; now: raydoa check {file}")
    return 0
