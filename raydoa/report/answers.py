"""What a sweep says of what is measured: the lines of a terminal and the page in the result dir, at its end and after each seed.

After a seed they are of the seeds that are done and of nothing else: with what trials of the next one have left by then, plans
would differ by what is missing. So after one seed they say that it is one, and after two there are intervals.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from raydoa.report.beside import read_beside
from raydoa.report.columns import as_cells, sorted_cells
from raydoa.report.overview import summary
from raydoa.report.page.document import write_page
from raydoa.report.results import PAGE, no_cells
from raydoa.report.sentence import sentences
from raydoa.report.table import as_text, standalone, table_notes
from raydoa.report.trials import driver_rows, plan_in_name, trial_rows
from raydoa.store.layout import open_storage


def sweep_lines(cells: pd.DataFrame, scaled: str | None) -> Iterator[str]:
    """The table, the sentences, and what their reader must know; ``scaled``: how the price book's prices are."""
    yield as_text(summary(cells))
    yield from (sentence.text for sentence in sentences(cells))
    yield from table_notes(cells)
    if scaled is not None:
        yield f"prices are scaled: {scaled}"
    yield f"{standalone(cells)}, incurred ${cells['cost_incurred'].sum():,.2f}"


def cells_of_seeds(
    result_dir: Path, seeds: Collection[int], plans: Mapping[Path, Collection[str]]
) -> pd.DataFrame:
    """The rows of plans that are done, while other trials write theirs, with those of cells that have no trial.

    Args:
        result_dir: of the sweep; cells without a trial stand there.
        seeds: of which all plans are done.
        plans: their ids, by the folder in which their trials are.

    Raises:
        UserError: rows are damaged, or there are none.
    """
    driver = driver_rows(open_storage(str(result_dir)), str(result_dir))
    rows = [row for row in driver if row["seed"] in seeds]
    for place, ids in plans.items():
        folder = open_storage(str(place))
        names = [name for name in sorted(folder.folders()) if plan_in_name(name) in ids]
        rows += trial_rows(folder, str(place), names)[0]
    if not rows:
        raise no_cells(str(result_dir), [])
    return sorted_cells(as_cells(rows, str(result_dir)).drop_duplicates("cell"))


def write_sweep_page(cells: pd.DataFrame, result_dir: Path, gaps: Sequence[str] = ()) -> Path:
    """Write the page into the result dir, with what lies beside its rows, and return its path.

    What rows say is no part of a page that nobody asked for: `raydoa report` writes it with those.
    """
    beside = read_beside([str(result_dir)])
    gaps = [*gaps, *beside.gaps]
    return write_page(cells, result_dir / PAGE, gaps=gaps, beside=beside, texts=False)
