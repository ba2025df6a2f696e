"""A sweep whose prices are 0: dry run and result rows."""

import json
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.simulation.dry_run import dry_run_lines
from tests.unit.world import World, forecast_of, measured_row, write_task

_FREE = """\
book_id: own
extends: embedded
accelerators: {a100-40gb: {usd_per_gpu_hour: {value: 0, source: our own, date: 2026-11-01}}}
grid: {us: {value: 0, source: our own dam, date: 2026-11-01}}
"""


def _free(folder: Path) -> World:
    price = {"usd": 0, "source": "our own staff", "date": "2026-11-21"}
    return World(folder, write_task(folder / "task", label_price=price))


def test_a_sweep_that_costs_nothing(tmp_path: Path) -> None:
    book = tmp_path / "own.yaml"
    book.write_text(_FREE)
    world = _free(tmp_path)
    sweep = world.sweep(prices=str(book), budgets=(0.0, 4.0), n=(8,), u=(20,))
    resolved = world.resolved(sweep, gpus_per_worker=1, cluster_gpus=8)
    expected = forecast_of(resolved)
    assert not expected.infeasible
    text = "\n".join(dry_run_lines(resolved.study, world.runtime(cluster_gpus=8), expected))
    assert "prices: own" in text and "a100-40gb at $0.0000 per GPU-hour" in text
    assert "kgCO2e: 0.00 (us)" in text and "incurred:   $0.00" in text

    resolved = world.resolved(sweep)
    cells = [cell for cell in expected.cells if cell.strategy == "annotate"]
    for cell in cells:
        row = measured_row(resolved, cell, purchased={"labels": 92})
        assert row.feasible and row.labels == 92, "all that there are"
        assert row.cost_total == row.cost_incurred == row.kgco2e == 0
        assert row.unspent == cell.budget and row.fraction_labels == row.fraction_student == 0
        assert row.gpu_seconds_student > 0
        json.dumps(row, allow_nan=False)


@pytest.mark.parametrize("usd", [-1, float("nan")])
def test_what_is_no_price_is_refused(tmp_path: Path, usd: float) -> None:
    world = _free(tmp_path)
    task = json.loads(world.task.read_text())
    world.task.write_text(json.dumps({**task, "label_price": {**task["label_price"], "usd": usd}}))
    with pytest.raises(UserError, match=r"label_price\.usd: found"):
        world.resolved()


def test_a_price_that_is_not_there_is_no_price_of_0(tmp_path: Path) -> None:
    world = World(tmp_path, write_task(tmp_path / "task", label_price=None))
    with pytest.raises(UserError, match="label price of task 'tiny': not in price book"):
        world.resolved()
