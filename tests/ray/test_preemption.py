"""Preemption with notice and without: fine-tuning resumes on the machines that are left.

A head that has no CPU, and nodes of one CPU each, which the tests add and take away; fine-tuning runs in a thread
beside the test, because nodes are added by the main one.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from raydoa.experiment.config import RuntimeConfig
from raydoa.on_ray.cluster import capacity_for, cluster
from raydoa.on_ray.finetune import fine_tune
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import FineTune
from raydoa.store.record import Record
from raydoa.training.recipe import Execution
from tests.metadata import Metadata, serving
from tests.ray.tiny import Tiny, assert_close, weights
from tests.ray.watching import actors, checkpointed, groups, held, living, until

pytestmark = pytest.mark.timeout(600)

_ONE = {"CPU": 1}
_WORKER = "ray::RayTrainWorker"
_POLL_SECONDS = 1.0
"""How often Ray Train's watcher looks for drained nodes, as `raydoa.on_ray.cluster` sets it."""
_STEPS = 300
# Slow enough that the order of a sum stays a matter of rounding after hundreds of steps.
_RECIPE = {"learning_rate": 3e-4}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    nodes = Cluster(
        initialize_head=True, head_node_args={"include_dashboard": False, "num_cpus": 0}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", nodes.address)
        with cluster("tests"):
            yield nodes
    nodes.shutdown()


@pytest.fixture
def two_nodes(nodes: Any) -> Any:
    """As many as there should be, whatever the test before has left."""
    while len(nodes.worker_nodes) < 2:
        nodes.add_node(num_cpus=1)
    until("two nodes", lambda: capacity_for(_ONE) == 2)
    return nodes


@pytest.fixture(scope="module")
def alone(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> ExecutionContext:
    """What the plain loop on one process makes of the fine-tuning."""
    context = tiny.context(tmp_path_factory.mktemp("alone"), Execution(micro_batch_size=4))
    build_stage(tiny.fine_tuning(steps=_STEPS, recipe=_RECIPE), context)
    return context


def _group(tiny: Tiny, folder: Path) -> RuntimeConfig:
    """Two workers of four rows each, which a single one then takes in turn."""
    return tiny.runtime(folder, train_workers=2, zero_stage=2, train_folder=str(folder / "train"))


@contextmanager
def _beside(work: Any, *arguments: Any) -> Iterator[None]:
    with ThreadPoolExecutor(1) as thread:
        runtime = thread.submit(work, *arguments)
        yield
        runtime.result()


def _steps_done(folder: Path) -> int:
    """Steps that a training has reported."""
    files = list(folder.glob("train/*/progress.json"))
    return int(json.loads(files[0].read_text(encoding="utf-8"))["steps"]) if files else 0


def _homes(class_name: str) -> set[str]:
    """Ids of the nodes on which actors of a class live."""
    return {node for state, _, node in actors(class_name) if state == "ALIVE"}


def _home(nodes: Any, class_name: str) -> Any:
    """A node on which an actor of a class lives."""
    homes = _homes(class_name)
    return next(node for node in nodes.worker_nodes if node.node_id in homes)


@contextmanager
def _watching(metadata: Metadata, node_id: str) -> Iterator[subprocess.Popen[str]]:
    """`raydoa drain-on-notice`, as a node of a cloud runs it."""
    command = "from raydoa.cli import main; raise SystemExit(main())"
    watcher = subprocess.Popen(
        [sys.executable, "-c", command, "drain-on-notice", "aws", "--node-id", node_id],
        env={**os.environ, **metadata.environment()},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield watcher
    finally:
        watcher.kill()
        watcher.wait()


def _check(context: ExecutionContext, stage: FineTune, alone: ExecutionContext) -> Record:
    """The artifact of an undisturbed training, to within float rounding, with the loss of every step."""
    ours, theirs = context.store.find(stage.key), alone.store.find(stage.key)
    assert ours is not None and theirs is not None
    assert ours.facts["losses"] == pytest.approx(theirs.facts["losses"], rel=2e-2)
    assert_close(weights(context.store, stage), weights(alone.store, stage), 1e-3)
    return ours


def _asks() -> bool:
    """Whether somebody waits for room, which is what an autoscaler goes by."""
    return "PENDING" in groups().values()


def test_machines_come_late_and_are_taken_away_with_notice(
    tiny: Tiny, tmp_path: Path, nodes: Any, alone: ExecutionContext
) -> None:
    """Cloud -> notice -> drained node -> the group saves and exits -> one worker resumes, until there is room again."""
    stage = tiny.fine_tuning(steps=_STEPS, recipe=_RECIPE)
    context = tiny.context(tmp_path / "store")
    runtime = _group(tiny, tmp_path).model_copy(update={"cluster_grows": True})
    assert capacity_for(_ONE) == 0
    with serving() as metadata, _beside(fine_tune, stage, context, runtime):
        until("a group that asks", _asks)
        nodes.add_node(num_cpus=1)
        nodes.add_node(num_cpus=1)
        until("a step", lambda: _steps_done(tmp_path) > 0)
        with held(_WORKER):
            assert not checkpointed(tmp_path / "train"), "the interval is far longer than this test"
            lost = _home(nodes, "RayTrainWorker")
            until("Ray Train's watcher", lambda: bool(living("PreemptionWatcher")))
            with _watching(metadata, lost.node_id) as watcher:
                until(
                    "a question",
                    lambda: ("GET", "/latest/meta-data/spot/instance-action") in metadata.asked,
                )
                metadata.interrupt(seconds=120)
                assert watcher.wait(60) == 0
                assert "EC2 will terminate" in watcher.communicate()[0]
            assert capacity_for(_ONE) == 1, "a node that is drained counts for nothing"
            time.sleep(3 * _POLL_SECONDS)
        until("a group of one that asks", lambda: _asks() and len(_homes("RayTrainWorker")) == 1)
        assert lost.node_id not in _homes("RayTrainWorker")
        with held(_WORKER):
            nodes.remove_node(lost, allow_graceful=False)
            nodes.add_node(num_cpus=1)
            until("room", lambda: not _asks())
    record = _check(context, stage, alone)
    assert 0 < int(str(record.facts["first_step"])) < _STEPS
    assert record.facts["steps_repeated"] == 0
    assert record.provenance["devices"] == 2, "it grew when the machine was there"
    assert not list((tmp_path / "train").iterdir()), "no checkpoint is left"
    assert not groups(), "nothing is asked for any more"


def test_without_notice_it_shrinks_and_grows_again(
    tiny: Tiny, tmp_path: Path, two_nodes: Any, alone: ExecutionContext
) -> None:
    stage = tiny.fine_tuning(steps=_STEPS, recipe=_RECIPE)
    context = tiny.context(tmp_path / "store", Execution(checkpoint_every_steps=25))
    with _beside(fine_tune, stage, context, _group(tiny, tmp_path)):
        until("a checkpoint", lambda: checkpointed(tmp_path / "train"))
        two_nodes.remove_node(_home(two_nodes, "RayTrainWorker"), allow_graceful=False)
        done = _steps_done(tmp_path)
        until("steps of one worker", lambda: _steps_done(tmp_path) > done + 5)
        with held(_WORKER):
            two_nodes.add_node(num_cpus=1)
            until("room", lambda: capacity_for(_ONE) == 2)
    record = _check(context, stage, alone)
    assert record.provenance["devices"] == 2, "it grew when there was room again"
    assert 0 <= int(str(record.facts["steps_repeated"])) <= 25
