"""What a lost node costs a fine-tuning, and how far its weights are then from those of an undisturbed one.

    PYTHONPATH=. python benchmarks/preemption.py

Real Ray, two nodes of one CPU on this machine, the tests' smallest T5 under ZeRO 2, dropout 0.1, a checkpoint every 10
steps. `undisturbed` has two workers from start to end; in `killed_then_2` a node is lost without notice while a third
is there, in `killed_then_1` without one, in `drained_then_1` it gets its notice. Everything is compared with
`undisturbed`; `plain`, one process without Ray, shows what rounding alone does. The last line is JSON.
"""

import argparse
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from raydoa.artifacts.record import Record
from raydoa.learning.recipe import Execution
from raydoa.makers import produce
from raydoa.on_ray.finetune import fine_tune
from tests.ray.tiny import Tiny, weights, write_tiny
from tests.ray.watching import actors, checkpointed, drain, until

_EXECUTION = Execution(micro_batch_size=4, checkpoint_every_steps=10)


def main() -> None:
    """Run each scenario on a cluster of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    steps: int = parser.parse_args().steps
    folder = Path(tempfile.mkdtemp(prefix="raydoa-preemption-"))
    (folder / "tiny").mkdir()
    tiny = write_tiny(folder / "tiny")
    stage = tiny.fine_tuning(steps=steps)
    plain = tiny.bench(folder / "plain", _EXECUTION)
    record, tensors = produce(stage, plain), weights(plain.store, stage)
    found = {"plain": (record, tensors)}
    for name in ("undisturbed", "killed_then_2", "killed_then_1", "drained_then_1"):
        found[name] = _scenario(name, tiny, stage, folder / name)
        print(name, found[name][0].facts["first_step"], flush=True)
    results = {name: _compared(*found[name], *found["undisturbed"]) for name in found}
    print(json.dumps({"benchmark": "preemption", "steps": steps, "results": results}))


def _scenario(name: str, tiny: Tiny, stage: Any, folder: Path) -> tuple[Record, Any]:
    """One fine-tuning on two workers, and what happens to one of their nodes."""
    from ray.cluster_utils import Cluster

    from raydoa.on_ray.cluster import cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": True})
    for _ in range(3 if name == "killed_then_2" else 2):
        nodes.add_node(num_cpus=1)
    os.environ["RAY_ADDRESS"] = nodes.address
    bench = tiny.bench(folder / "store", _EXECUTION)
    train = folder / "train"
    running = tiny.running(folder, train_workers=2, zero_stage=2, train_folder=str(train))
    with cluster("benchmark"), ThreadPoolExecutor(1) as beside:
        group = beside.submit(fine_tune, stage, bench, running)
        if name != "undisturbed":
            until("a checkpoint", lambda: checkpointed(train), 300)
            _lose_a_node(nodes, drained=name == "drained_then_1")
        group.result()
    nodes.shutdown()
    record = bench.store.find(stage.key)
    assert record is not None
    return record, weights(bench.store, stage)


def _lose_a_node(nodes: Any, *, drained: bool) -> None:
    """One that a worker lives on; drained, it goes only when the worker has left."""

    def homes() -> set[str]:
        return {node for state, _, node in actors("RayTrainWorker") if state == "ALIVE"}

    before = homes()
    lost = next(node for node in nodes.worker_nodes if node.node_id in before)
    if drained:
        drain(nodes.address, lost.node_id)
        until("its leaving", lambda: lost.node_id not in homes())
    nodes.remove_node(lost, allow_graceful=False)


def _compared(record: Record, ours: Any, undisturbed: Record, theirs: Any) -> dict[str, Any]:
    """The largest relative distance of a tensor and of a step's loss."""
    off = max(float((ours[n] - theirs[n]).norm() / theirs[n].norm()) for n in theirs)
    losses = zip(record.facts["losses"], undisturbed.facts["losses"], strict=True)  # type: ignore[arg-type]
    return {
        "weights_off": float(f"{off:.1e}"),
        "losses_off": float(f"{max(abs(a - b) / b for a, b in losses):.1e}"),
        "first_step": record.facts["first_step"],
        "steps_repeated": record.facts.get("steps_repeated", 0),
        "workers": record.provenance["devices"],
    }


if __name__ == "__main__":
    main()
