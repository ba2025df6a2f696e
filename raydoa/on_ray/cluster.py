"""Connect to a Ray cluster, or start one in this process; and how much it can hold."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray

from raydoa.errors import InsufficientResources
from raydoa.experiment.config import RuntimeConfig
from raydoa.on_ray.ray_internals import (
    ENV_VARS,
    HEAD_NODE_RESOURCE_NAME,
    LOCAL_CLUSTER_ENV_VARS,
    draining_nodes,
    silence_loggers,
)

TRIAL_NEEDS = {"memory": 300 * 2**20, HEAD_NODE_RESOURCE_NAME: 0.001}
"""Of a trial: some memory, on the head. What it waits for may lose its machine; it must not go with it."""

_TRIALS_SHARE = 0.25
"""Of the head's memory, that trials may hold."""

_ENV_VARS = ENV_VARS | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


@contextmanager
def cluster(namespace: str, *, cpus: int | None = None) -> Iterator[None]:
    """Connect for the length of a sweep: to `RAY_ADDRESS` if it is set, else to a cluster of our own with ``cpus``, or all."""
    remote = "RAY_ADDRESS" in os.environ
    silence_loggers()
    with _environment(_ENV_VARS if remote else _ENV_VARS | LOCAL_CLUSTER_ENV_VARS):
        ray.init(
            # Without an address Ray would join any cluster that somebody has started on this machine.
            address=None if remote else "local",
            namespace=namespace,
            num_cpus=None if remote else cpus,
            # Four processes and half of the CPU time of a start, for a page that nobody was told of.
            include_dashboard=None if remote else False,
            log_to_driver=False,
            logging_level=logging.WARNING,
            runtime_env={"env_vars": _ENV_VARS} if remote else None,
        )
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Those that are not set already, while the cluster is up: the next one may be of another kind."""
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def on_head(actor_class: type) -> Any:
    """An actor class on the head node that holds no CPU; all of a sweep's trials may call such an actor at once."""
    options = {"num_cpus": 0, "resources": {HEAD_NODE_RESOURCE_NAME: 0.001}}
    return ray.remote(max_concurrency=100_000, **options)(actor_class)


def schedulable_nodes() -> dict[str, Mapping[str, float]]:
    """Resources of the nodes that take new work, by node id: a node that is being drained takes none."""
    draining = draining_nodes()
    return {
        node["NodeID"]: node["Resources"]
        for node in ray.nodes()
        if node["Alive"] and node["NodeID"] not in draining
    }


def capacity_for(resources: Mapping[str, float]) -> int:
    """How many workers that need ``resources`` each fit on the cluster's nodes, as they stand, beside the trials."""
    needed = {name: amount for name, amount in resources.items() if amount}
    return sum(
        min(int(max(0.0, node.get(name, 0.0)) // amount) for name, amount in needed.items())
        for node in map(_room, schedulable_nodes().values())
    )


def trials_that_fit(wanted: int) -> int:
    """How many of the ``wanted`` trials may be there at once, at least one.

    They wait for tasks while they hold memory of the head, so they may have no more than a quarter of it: tasks have to
    find the rest, or everybody waits.
    """
    heads = [node for node in schedulable_nodes().values() if HEAD_NODE_RESOURCE_NAME in node]
    memory = sum(node.get("memory", 0.0) for node in heads) * _TRIALS_SHARE
    return max(1, min(wanted, int(memory // TRIAL_NEEDS["memory"])))


def _room(node: Mapping[str, float]) -> Mapping[str, float]:
    """What of a node's resources can be had while as many trials as may wait on the head do."""
    if HEAD_NODE_RESOURCE_NAME not in node:
        return node
    memory = node.get("memory", 0.0)
    return {**node, "memory": memory - max(memory * _TRIALS_SHARE, TRIAL_NEEDS["memory"])}


def _amount(name: str, amount: float) -> str:
    return f"{amount / 1e9:.1f} GB of memory" if name == "memory" else f"{amount:g} {name}"


def check_capacity(
    resources: Mapping[str, float], count: int, what: str, runtime: RuntimeConfig, remedy: str
) -> None:
    """Refuse what would be pending for ever.

    Where the cluster grows nothing is refused: Ray asks its autoscaler for what is lacking.

    Raises:
        InsufficientResources: ``count`` workers that need ``resources`` each do not fit on the cluster, as it stands.
    """
    capacity = capacity_for(resources)
    if capacity < count and not runtime.cluster_grows:
        worker = " and ".join(_amount(name, amount) for name, amount in resources.items() if amount)
        raise InsufficientResources(
            f"{what} needs {count} x {worker}, and the cluster's nodes have room for {capacity}; {remedy} or start a "
            "larger cluster"
        )
