"""The small world of `tests.unit.world`: empty, or with a sweep that has been measured in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from raydoa.experiment.cell import Cell
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.resolve import Resolved
from tests.unit.world import Row, World, forecast_of, measure_all, write_task


@pytest.fixture(scope="session", autouse=True)
def _no_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test waits for a network, or finds what its user has downloaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
        yield


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A task, and nothing made yet."""
    return World(tmp_path, write_task(tmp_path / "task"))


@dataclass(frozen=True)
class Measured:
    """A sweep of thirty cells and their rows; never write into its store."""

    world: World
    resolved: Resolved
    expected: Forecast
    rows: dict[Cell, Row]


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The whole path, once for all tests that only read."""
    folder = tmp_path_factory.mktemp("measured")
    world = World(folder, write_task(folder / "task"))
    resolved = world.resolved()
    return Measured(world, resolved, forecast_of(resolved), measure_all(resolved))
