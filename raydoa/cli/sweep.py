"""`raydoa sweep`: measure a grid, or price it."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from raydoa.costs.prices import PriceBook
from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.hardware import HARDWARE, hardware
from raydoa.experiment.presets import PRESETS, preset
from raydoa.settings import parse

_AXES: dict[str, Callable[[str], Any]] = {
    "tasks": str,
    "strategies": str,
    "budgets": float,
    "n": int,
    "u": int,
    "teachers": str,
    "seeds": int,
    "label_shares": float,
}


def add(parser: argparse.ArgumentParser, default: str = "embedded") -> None:
    """The flags of a sweep, and what to do with it."""
    add_sweep(parser)
    parser.add_argument("--dry-run", action="store_true", help="price everything, run nothing")
    parser.set_defaults(run=_run, default=default)


def add_sweep(parser: argparse.ArgumentParser) -> None:
    """The flags that say which sweep is meant."""
    parser.add_argument("--config", default=None, help=f"one of {', '.join(PRESETS)}")
    parser.add_argument(
        "--task", "--tasks", dest="tasks", nargs="+", help="names, or YAML files of one's own"
    )
    parser.add_argument("--strategies", nargs="+")
    parser.add_argument("--budget", "--budgets", dest="budgets", nargs="+", help="dollars")
    parser.add_argument("--n", nargs="+", help="labelled examples owned")
    parser.add_argument("--u", nargs="+", help="pool rows to pseudo-label")
    parser.add_argument("--teachers", nargs="+")
    parser.add_argument("--seeds", nargs="+")
    parser.add_argument(
        "--label-shares", nargs="+", help="fractions of the budget that mixed spends on labels"
    )
    parser.add_argument("--student", help="the model that is shipped")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FOLDER",
                        help="where a checkpoint lies, if not on the hub")  # fmt: skip
    parser.add_argument("--data", help="folder of the tasks' rows")
    parser.add_argument("--store", help="folder or URL of the artifacts")
    parser.add_argument("--results", help="folder of the result dirs")
    parser.add_argument("--prices", help="a shipped price book, or a YAML file")
    parser.add_argument("--unit-costs", help="unit costs that a calibration measured")
    parser.add_argument(
        "--cluster", help=f"the hardware, and settings that suit it: {', '.join(HARDWARE)}"
    )
    parser.add_argument("--accelerator")
    parser.add_argument("--region", help="of the grid intensity")
    parser.add_argument("--test-rows", type=int, help="score on so many test rows only")
    parser.add_argument("--set", action="append", default=[], dest="fields", metavar="FIELD=VALUE",
                        help="any other field of the configuration, such as offload=true or "
                        "teacher_recipe.epochs=10")  # fmt: skip
    parser.add_argument("--train-workers", type=int, help="workers of a teacher's fine-tuning")
    parser.add_argument("--zero-stage", type=int)
    parser.add_argument(
        "--cluster-gpus", type=int, help="GPUs of the cluster, for wall-clock estimates"
    )


def _run(options: argparse.Namespace) -> int:
    # Imported here: `raydoa store` and `--help` need none of it.
    from raydoa.experiment.dry_run import dry_run_lines
    from raydoa.experiment.forecast import forecast
    from raydoa.experiment.grid import grid_cells
    from raydoa.experiment.resolve import resolve

    sweep, runtime = configured(options)
    resolved = resolve(sweep, runtime)
    study = resolved.study
    if not options.dry_run:
        study.check_reachable()  # Told at once: Ray and a large forecast take seconds.
    expected = forecast(study, grid_cells(study.sweep.grid, study.sweep.student))
    if options.dry_run:
        print("\n".join(dry_run_lines(study, runtime, expected)))
        return 0
    from raydoa.on_ray.sweep import run_sweep

    _print_results(run_sweep(resolved, runtime, expected), study.unit_costs.book)
    return 0


def _print_results(result_dir: Path, book: PriceBook) -> None:
    """The table, and the path of the result dir as the last line."""
    from raydoa.report.figures import write_figure
    from raydoa.report.results import read_results, write_cells
    from raydoa.report.table import as_text, notes, summary

    cells = read_results(result_dir)
    write_cells(cells, result_dir)
    write_figure(cells, result_dir)
    print(as_text(summary(cells)))
    for note in notes(cells):
        print(note)
    if book.scaled is not None:
        print(f"prices are scaled: {book.scaled}")
    standalone, incurred = cells["cost_total"].sum(), cells["cost_incurred"].sum()
    print(f"standalone ${standalone:,.2f}, incurred ${incurred:,.2f}")
    print(result_dir)


def configured(options: argparse.Namespace) -> tuple[Sweep, RuntimeConfig]:
    """The named configuration, with what the flags change in it."""
    sweep, runtime = preset(options.config or _default(options))
    axes = sweep.grid.model_dump()
    for axis, kind in _AXES.items():
        given = getattr(options, axis)
        if given is not None:
            axes[axis] = [_number(value, kind, axis) for value in given]
    changes: dict[str, Any] = {}
    places: dict[str, Any] = {}
    if options.cluster is not None:
        cluster = hardware(options.cluster)
        changes["accelerator"] = cluster.accelerator
        places |= cluster.settings()
    changes |= _given(options, "student", "prices", "accelerator", "region", "test_rows")
    places |= _given(options, "data", "store", "results", "unit_costs", "train_workers", "zero_stage",
                     "cluster_gpus")  # fmt: skip
    places["models"] = {**runtime.models, **_folders(options.model)}
    where = "command line"
    grid = parse(axes, Grid, where=where)
    what = {**sweep.model_dump(), **changes, "grid": grid}
    how = {**runtime.model_dump(), **places}
    if options.train_workers is not None:
        how["least_train_workers"] = min(how["least_train_workers"], options.train_workers)
    for pair in options.fields:
        _set(pair, what, how)
    return parse(what, Sweep, where=where), parse(how, RuntimeConfig, where=where)


def _set(pair: str, what: dict[str, Any], how: dict[str, Any]) -> None:
    """Change one field of the configuration, in place; whether its value is allowed is found out later."""
    path, equals, text = pair.partition("=")
    if not equals:
        raise UserError(f"--set: found {pair!r}; expected FIELD=VALUE")
    *parents, last = path.split(".")
    fields: Any = what if path.split(".")[0] in what else how
    for parent in parents:
        fields = _field(fields, parent, pair)
    _field(fields, last, pair)
    try:
        fields[last] = json.loads(text)
    except ValueError:
        fields[last] = text  # A word, which JSON would want in quotes.


def _field(fields: Any, name: str, pair: str) -> Any:
    if not isinstance(fields, dict) or name not in fields:
        near = did_you_mean(name, sorted(fields)) if isinstance(fields, dict) else ""
        raise UserError(f"--set: found {pair!r}; {name!r} is no field{near}")
    return fields[name]


def _default(options: argparse.Namespace) -> str:
    """The configuration where none is named: `nano` for tasks that the default one does not have."""
    default: str = options.default
    known = preset(default)[0].grid.tasks
    return default if set(options.tasks or ()) <= set(known) else "nano"


def _number(text: str, kind: Callable[[str], Any], axis: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        flag = axis.replace("_", "-")
        raise UserError(f"--{flag}: found {text!r}; expected {wanted}") from None


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _folders(pairs: Sequence[str]) -> dict[str, str]:
    folders = {}
    for pair in pairs:
        name, equals, folder = pair.partition("=")
        if not (name and equals and folder):
            raise UserError(f"--model: found {pair!r}; expected NAME=FOLDER")
        folders[name] = folder
    return folders
