"""A cluster that grows: a worker group that waits for its first machines, and for another when it has lost one.

What an autoscaler sees of it is a placement group that is pending; here the test adds the nodes.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from raydoa.learning.recipe import Execution
from raydoa.makers import produce
from raydoa.on_ray.cluster import cluster, usable_nodes
from raydoa.on_ray.finetune import fine_tune
from tests.ray.tiny import Tiny, assert_close, weights
from tests.ray.watching import actors, drain, groups, held, living, until

pytestmark = pytest.mark.timeout(600)

_WORKER = "ray::RayTrainWorker"


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A head without a CPU, and nothing else yet."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": True})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", nodes.address)
        with cluster("tests"):
            yield nodes
    nodes.shutdown()


def _asks() -> bool:
    return "PENDING" in groups().values()


def _homes() -> set[str]:
    """Nodes on which workers live."""
    return {node for state, _, node in actors("RayTrainWorker") if state == "ALIVE"}


def test_it_grows_for_a_group_and_replaces_what_the_group_has_lost(
    nodes: Any, tiny: Tiny, tmp_path: Path
) -> None:
    stage = tiny.fine_tuning(steps=300, recipe={"learning_rate": 3e-4})
    alone = tiny.bench(tmp_path / "alone", Execution(micro_batch_size=4))
    produce(stage, alone)
    bench = tiny.bench(tmp_path / "store")
    running = tiny.running(
        tmp_path,
        train_workers=2,
        zero_stage=2,
        cluster_grows=True,
        train_folder=str(tmp_path / "train"),
    )
    with ThreadPoolExecutor(1) as beside:
        training = beside.submit(fine_tune, stage, bench, running)
        until("a group that asks", _asks)
        nodes.add_node(num_cpus=1)
        nodes.add_node(num_cpus=1)
        until("a step", lambda: bool(list(tmp_path.glob("train/*/pulse.json"))))
        with held(_WORKER):
            until("Ray Train's watcher", lambda: bool(living("PreemptionWatcher")))
            lost = min(_homes())
            drain(nodes.address, lost)
            until("its being seen", lambda: lost not in usable_nodes())
            time.sleep(3)  # Ray Train looks for drained nodes once a second.
        until("a group of one that asks", lambda: _asks() and len(_homes()) == 1)
        with held(_WORKER):
            nodes.add_node(num_cpus=1)
            until("room", lambda: not _asks())
        training.result()
    record = bench.store.find(stage.key)
    assert record is not None and 0 < int(str(record.facts["first_step"])) < 300
    assert record.facts["steps_repeated"] == 0
    assert record.provenance["devices"] == 2, "it grew when the machine was there"
    assert_close(weights(bench.store, stage), weights(alone.store, stage), 1e-3)
    assert not groups(), "nothing is asked for any more"
