"""`raydoa sweep`: measure a grid, or price it."""

import argparse
import sys
from pathlib import Path

from raydoa.cli.configured import add_configuration, configured
from raydoa.money import shown_usd


def add(parser: argparse.ArgumentParser, default: str = "embedded") -> None:
    """The flags of a sweep, and what to do with it."""
    add_configuration(parser, default)
    parser.add_argument("--dry-run", action="store_true", help="price everything, run nothing")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from raydoa.api.sweep import priced

    sweep = priced(configured(options), to_run=not options.dry_run)
    if options.dry_run:
        print(sweep.dry_run())
        return 0
    real = sweep.expected.real_micro_usd
    bought = f"real money: {shown_usd(real)} at most" if real else "nothing is bought"
    print(
        f"priced at ${sweep.expected.incurred_usd:,.2f}; labels come from the task's rows; {bought}",
        file=sys.stderr,
    )
    _print_results(sweep.run(), sweep.resolved.study.unit_costs.book.scaled)
    return 0


def _print_results(result_dir: Path, scaled: str | None) -> None:
    """The table, and the path of the result dir as the last line."""
    from raydoa.report.answers import sweep_lines
    from raydoa.report.figures import write_figure
    from raydoa.report.results import read_results, write_cells

    cells = read_results(result_dir)
    write_cells(cells, result_dir)
    write_figure(cells, result_dir)
    for line in sweep_lines(cells, scaled):
        print(line)
    print(result_dir)
