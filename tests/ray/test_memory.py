"""Trials that wait leave memory to the tasks that they wait for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from raydoa.experiment.forecast import forecast
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.resolve import resolve
from raydoa.on_ray.cluster import TRIAL_NEEDS
from raydoa.on_ray.sweep import run_sweep
from raydoa.report.results import load
from tests.ray.tiny import Tiny

_MEMORY = 1.6e9
"""Of the head: four trials hold 1.26 GB, which leaves no task the 0.6 GB that each needs."""


@pytest.fixture(scope="module")
def small_head() -> Iterator[None]:
    """A cluster of one node with little memory, that sweeps find through `RAY_ADDRESS`."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"include_dashboard": False, "num_cpus": 2, "memory": int(_MEMORY)},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", cluster.address)
        yield
    cluster.shutdown()


@pytest.mark.usefixtures("small_head")
def test_more_trials_than_the_head_has_memory_for(tiny: Tiny, tmp_path: Path) -> None:
    runtime = tiny.runtime(tmp_path, concurrent_trials=8)
    resolved = resolve(tiny.sweep(strategies=("annotate",), n=(8, 10, 12, 14, 16, 18)), runtime)
    study = resolved.study
    expected = forecast(study, grid_cells(study.sweep.grid, study.sweep.student))
    assert len(expected.trials) * TRIAL_NEEDS["memory"] > _MEMORY - 0.6e9
    rows = load(run_sweep(resolved, runtime, expected))
    assert rows["score"].notna().all() and len(rows) == len(expected.cells)


@pytest.mark.usefixtures("small_head")
def test_groups_and_actors_find_their_memory_one_after_the_other(
    tiny: Tiny, tmp_path: Path
) -> None:
    """A teacher's workers and the actors that label each ask for 0.6 GB, as every task does."""
    runtime = tiny.runtime(tmp_path, concurrent_trials=8)
    resolved = resolve(tiny.sweep(strategies=("distill",), n=(8, 12)), runtime)
    study = resolved.study
    expected = forecast(study, grid_cells(study.sweep.grid, study.sweep.student))
    rows = load(run_sweep(resolved, runtime, expected))
    assert rows["score"].notna().all() and len(rows) == len(expected.cells) == 2
