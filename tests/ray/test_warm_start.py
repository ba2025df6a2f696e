"""A sweep's processes start once: the barrier, and with Tune."""

import asyncio
import json
from pathlib import Path

import pytest

from raydoa.experiment.forecast import forecast
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.resolve import resolve
from raydoa.on_ray.sweep import run_sweep
from raydoa.on_ray.warm_start import WarmStartBarrier
from tests.ray.rows import without_ray
from tests.ray.tiny import Tiny

LONG = 300.0


def test_the_first_waits_for_the_last() -> None:
    async def scenario() -> None:
        barrier = WarmStartBarrier(2, LONG)
        await barrier.arrive()
        first = asyncio.create_task(barrier.wait_for_all())
        await asyncio.sleep(0)
        assert not first.done()
        await barrier.arrive()
        await first
        await barrier.arrive()  # A process was lost, and another took its place.
        await barrier.wait_for_all()

    asyncio.run(scenario())


def test_nobody_waits_for_those_who_never_come() -> None:
    async def scenario() -> None:
        barrier = WarmStartBarrier(3, 0.01)
        await barrier.arrive()
        await barrier.wait_for_all()

    asyncio.run(scenario())


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("standing_cluster")
def test_trials_that_end_at_once_share_the_processes_of_the_first(
    tiny: Tiny, tmp_path: Path
) -> None:
    """All are cache hits. Without the warm start one process serves nearly all, and the rest start in vain."""
    at_once, budgets = 3, tuple(0.5 * i + 0.1 for i in range(12))
    sweep = tiny.sweep(strategies=("annotate",), budgets=budgets)
    running = tiny.runtime(tmp_path, concurrent_trials=at_once)
    resolved = resolve(sweep, running)
    named = resolved.study.sweep
    expected = forecast(resolved.study, grid_cells(named.grid, named.student))
    assert len(expected.trials) == len(budgets)
    without_ray(resolved, expected)
    result_dir = run_sweep(resolved, running, expected)
    results = [json.loads(path.read_text()) for path in result_dir.glob("*/result.json")]
    assert len(results) == len(budgets)
    assert len({result["pid"] for result in results}) == at_once
