"""Several raylets: a label pool spread over nodes, and a node that is lost in the middle."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from raydoa.on_ray.cluster import cluster
from raydoa.on_ray.label_pool import label_pool
from raydoa.pipeline.build import build_stage
from raydoa.store.record import Record
from raydoa.training.recipe import Execution
from raydoa.training.shards import Shard
from tests.ray.tiny import Tiny
from tests.ray.watching import actors, drain, until
from tests.shards import rows_of

pytestmark = pytest.mark.timeout(600)

_LABELLER = "MapWorker(MapBatches(_PoolActor))"


@pytest.fixture
def three_nodes() -> Iterator[Any]:
    """Three nodes with one CPU each, beside a head that has none."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(
        initialize_head=True, head_node_args={"include_dashboard": False, "num_cpus": 0}
    )
    for _ in range(3):
        nodes.add_node(num_cpus=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", nodes.address)
        with cluster("tests"):
            yield nodes
    nodes.shutdown()


def test_a_node_is_drained_and_lost_while_labelling(
    tiny: Tiny, tmp_path: Path, three_nodes: Any
) -> None:
    """Every pool row once, whichever actor was lost with its node, and no shard that was written is made again."""
    stage = tiny.fine_tuning()
    context = tiny.context(tmp_path / "store", Execution())
    build_stage(stage, context)
    running = tiny.runtime(tmp_path, label_actors=(1, 2))
    shards = tiny.shards(stage, 100, size=4)

    def written() -> dict[str, Record]:
        found = [context.store.find(shard.key) for shard in shards]
        return {record.key: record for record in found if record is not None}

    with ThreadPoolExecutor(1) as beside:
        losing = beside.submit(_lose_a_node, three_nodes, written)
        label_pool(shards, context, running)
        before = losing.result()
    assert 0 < len(before) < len(shards)
    assert before.items() <= written().items(), "only what was in flight was lost"
    ids = [row.row_id for shard in shards for row in rows_of(Shard(context.store.fetch(shard.key)))]
    assert len(ids) == len(set(ids)) == 400


def _lose_a_node(nodes: Any, written: Callable[[], dict[str, Record]]) -> dict[str, Record]:
    """Drains and kills a node with a labeller on it, once there is a shard; returns the shards that there were."""
    until("a shard", lambda: bool(written()), seconds=300)
    homes = {node for state, _, node in actors(_LABELLER) if state == "ALIVE"}
    lost = next(node for node in nodes.worker_nodes if node.node_id in homes)
    drain(nodes.address, lost.node_id)
    before = written()
    nodes.remove_node(lost, allow_graceful=False)
    return before
