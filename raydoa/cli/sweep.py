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
    from raydoa.report.figures import write_figure
    from raydoa.report.overview import summary
    from raydoa.report.results import read_results, write_cells
    from raydoa.report.table import as_text, standalone, table_notes

    cells = read_results(result_dir)
    write_cells(cells, result_dir)
    write_figure(cells, result_dir)
    print(as_text(summary(cells)))
    for note in table_notes(cells):
        print(note)
    if scaled is not None:
        print(f"prices are scaled: {scaled}")
    print(f"{standalone(cells)}, incurred ${cells['cost_incurred'].sum():,.2f}")
    print(result_dir)
