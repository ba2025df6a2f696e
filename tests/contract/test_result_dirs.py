"""A result dir reads the same wherever it lies: a local folder, memory, S3."""

import pandas as pd
import pytest
from fsspec.core import url_to_fs

from raydoa.errors import UserError
from raydoa.report.results import CELLS_FILE, load, read
from tests.unit.report.conftest import grid, sweep_files


def _write(url: str, cells: pd.DataFrame) -> None:
    """Rows as a sweep leaves them, with Tune's other files beside them."""
    files, root = url_to_fs(url, use_listings_cache=False)
    files.makedirs(root, exist_ok=True)
    files.pipe_file(f"{root}/tuner.pkl", b"x")
    for path, content in sweep_files(cells).items():
        folder = f"{root}/{path}".rpartition("/")[0]
        files.makedirs(folder, exist_ok=True)
        files.pipe_file(f"{root}/{path}", content)
        files.pipe_file(f"{folder}/params.json", b"{}")


def test_rows_of_an_unfinished_and_of_an_ended_sweep(url: str) -> None:
    cells = grid(seeds=1)
    assert not cells["feasible"].all(), "one row is the driver's"
    _write(url, cells)
    files, root = url_to_fs(url, use_listings_cache=False)
    begun = "begun-0123456789ab-1a2b3_00099"
    files.makedirs(f"{root}/{begun}", exist_ok=True)
    files.pipe_file(f"{root}/{begun}/result.json", b"")
    loaded = read(url)
    assert len(loaded.cells) == len(cells)
    assert loaded.unfinished == (f"{url}/{begun}",)
    files.pipe_file(f"{root}/{CELLS_FILE}", loaded.cells.to_csv(index=False).encode())
    again = read(f"{url}/")
    pd.testing.assert_frame_equal(again.cells, loaded.cells, check_exact=True)
    assert again.unfinished == loaded.unfinished


def test_nothing_there(url: str) -> None:
    with pytest.raises(UserError, match=f"{url}: no finished cells; expected a Tune result dir"):
        load(url)
