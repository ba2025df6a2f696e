"""A real Ray on two CPUs, one for each module, in a place where no other program looks for it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ray.tiny import Tiny, write_tiny


@pytest.fixture(scope="session", autouse=True)
def _own_place() -> Iterator[None]:
    """A short folder for Ray's sockets, away from /tmp/ray, where others would find our clusters."""
    folder = tempfile.mkdtemp(prefix="rd-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_maximum_startup_concurrency", "16")
        # Ray's workers let everything else go first, and two suites that compute would leave them nothing.
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv(
            "PYTHONPATH", os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
        )
        patch.delenv("RAY_ADDRESS", raising=False)
        yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A task and two checkpoints, on disk."""
    return write_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_poisoned(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The same with a pool row that the teacher cannot label."""
    return write_tiny(tmp_path_factory.mktemp("poisoned"), poisoned=True)


@pytest.fixture(scope="module")
def two_cpus() -> Iterator[None]:
    """A cluster of our own with two CPUs, and the registry of a sweep."""
    from raydoa.on_ray.build_registry import start_registry
    from raydoa.on_ray.cluster import cluster

    with cluster("tests", cpus=2):
        start_registry()
        yield


@pytest.fixture(scope="module")
def standing_cluster() -> Iterator[None]:
    """A cluster of two CPUs that sweeps find through `RAY_ADDRESS`, and leave as it was."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"include_dashboard": False, "num_cpus": 2}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", cluster.address)
        yield
    cluster.shutdown()
