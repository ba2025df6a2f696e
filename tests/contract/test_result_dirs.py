"""A result dir reads the same wherever it lies: a local folder, memory, S3."""

import json

import pandas as pd
import pytest
from fsspec.core import url_to_fs

from raydoa.errors import UserError
from raydoa.report.results import CELLS_FILE, load, read
from tests.unit.report.conftest import grid


def _write(url: str, cells: pd.DataFrame) -> None:
    """Rows as Tune leaves them, with its other files beside them."""
    files, root = url_to_fs(url, use_listings_cache=False)
    files.makedirs(root, exist_ok=True)
    files.pipe_file(f"{root}/tuner.pkl", b"x")
    for index, values in enumerate(cells.to_dict("records")):
        plain = {str(k): None if pd.isna(v) else v for k, v in values.items()}
        folder = f"{root}/{plain['cell']}-1a2b3_{index:05d}"
        files.makedirs(folder, exist_ok=True)
        files.pipe_file(f"{folder}/result.json", (json.dumps(plain) + "\n").encode())
        files.pipe_file(f"{folder}/params.json", b"{}")


def test_rows_of_an_unfinished_and_of_an_ended_sweep(url: str) -> None:
    cells = grid(seeds=1)
    _write(url, cells)
    files, root = url_to_fs(url, use_listings_cache=False)
    files.makedirs(f"{root}/begun-1a2b3_00099", exist_ok=True)
    files.pipe_file(f"{root}/begun-1a2b3_00099/result.json", b"")
    found = read(url)
    assert len(found.cells) == len(cells)
    assert found.unfinished == (f"{url}/begun-1a2b3_00099",)
    files.pipe_file(f"{root}/{CELLS_FILE}", found.cells.to_csv(index=False).encode())
    again = read(f"{url}/")
    pd.testing.assert_frame_equal(again.cells, found.cells, check_exact=True)
    assert again.unfinished == found.unfinished


def test_nothing_there(url: str) -> None:
    with pytest.raises(UserError, match=f"{url}: no finished cells; expected a Tune result dir"):
        load(url)
