"""`raydoa report`: what sweeps measured, from their result dirs."""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from raydoa.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of a report, and what to do with it."""
    parser.add_argument("result_dirs", nargs="+", metavar="RESULT_DIR",
                        help="folders or URLs of sweeps, finished or not; several are joined")  # fmt: skip
    parser.add_argument("--price", nargs="+", action="extend", default=[], dest="changes", metavar="PRICE=NUMBER",
                        help="what the same plans cost at other prices: label=0.10, label.wlp=0.10, gpu_hour=1.5, "
                        "gpu.a100-40gb=1.5, grid.us=0.03, a cost item of a plugin by its name; nothing is trained again")  # fmt: skip
    parser.add_argument("--prices", help="the sweep's price book, if it is not a shipped one")
    parser.add_argument(
        "--budgets", nargs="+", type=float, help="dollars; those of the sweep unless given"
    )
    parser.add_argument("--figures", type=Path, metavar="FOLDER",
                        help="write figures for a paper there, as PDF and PNG")  # fmt: skip
    parser.add_argument("--page", type=Path, metavar="FILE",
                        help="where to write the page, one HTML file that opens anywhere; unless given, report.html in "
                        "the result dir, or here for several or for URLs")  # fmt: skip
    parser.add_argument("--store", metavar="URL",
                        help="where the artifacts lie that rows name, if not where the sweep kept them; examples are "
                        "read from there")  # fmt: skip
    parser.add_argument("--no-texts", action="store_true",
                        help="leave what the task's rows say out of the page; counts and confusion stay")  # fmt: skip
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    # Imported here: `raydoa store` and `--help` need none of it.
    from raydoa.report.beside import read_beside
    from raydoa.report.page.document import write_page
    from raydoa.report.results import read

    for budget in options.budgets or ():
        if not (math.isfinite(budget) and budget > 0):
            raise UserError(f"--budgets: found {budget:g}; a budget is a number of dollars above 0")
    changes = [_change(text) for text in options.changes]
    loaded = read(options.result_dirs)
    cells = _priced(loaded.cells, dict(changes), options.prices)
    beside = read_beside(options.result_dirs)
    if options.store is not None:
        beside = replace(beside, stores=(options.store,))
    gaps = [*loaded.gaps, *beside.gaps]
    print("\n".join([*report_lines(cells, options.budgets), *gaps]))
    if options.figures is not None:
        from raydoa.report.paper.write import write_figures

        for path in write_figures(cells, options.figures):
            print(path)
    page = options.page or _beside(options.result_dirs)
    texts = not options.no_texts
    print(write_page(cells, page, options.budgets or (), gaps, beside, texts=texts))
    return 0


def _beside(result_dirs: Sequence[str]) -> Path:
    """Where a page is written unless a file is given."""
    local = len(result_dirs) == 1 and Path(result_dirs[0]).is_dir()
    return Path(result_dirs[0] if local else ".") / "report.html"


def report_lines(cells: "pd.DataFrame", budgets: Sequence[float] | None) -> Iterator[str]:
    """The table, the sentences, and the notes."""
    from raydoa.report.overview import best_table, notes
    from raydoa.report.sentence import sentences
    from raydoa.report.table import as_text

    table = best_table(cells, budgets)
    if len(table):
        yield as_text(table)
    yield from (sentence.text for sentence in sentences(cells, budgets))
    yield from notes(cells)


def _priced(cells: "pd.DataFrame", changes: dict[str, float], book: str | None) -> "pd.DataFrame":
    from raydoa.costs.book_files import open_book
    from raydoa.report.reprice import new_prices, reprice

    return reprice(cells, new_prices(changes, cells), open_book(book) if book else None)


def _change(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not equals or math.isnan(value):
        raise UserError(f"--price: found {text!r}; expected PRICE=NUMBER")
    return name, value
