"""Connect to a Ray cluster, or start one in this process; and how much it can hold."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import ray

from raydoa.errors import InsufficientResources, RunFailed, UserError
from raydoa.experiment.config import RuntimeConfig
from raydoa.on_ray.cluster_processes import (
    OwnCluster,
    parts_of_another_cluster,
    parts_of_own_cluster,
)
from raydoa.on_ray.cluster_watch import ClusterWatch
from raydoa.on_ray.error_causes import last_line
from raydoa.on_ray.full_disk import is_full_disk
from raydoa.on_ray.preflight import (
    check_address,
    check_temp_folder,
    cluster_of_others,
    protect_token,
)
from raydoa.on_ray.ray_internals import (
    ENV_VARS,
    HEAD_NODE_RESOURCE_NAME,
    LOCAL_CLUSTER_ENV_VARS,
    draining_nodes,
    one_machine,
    silence_loggers,
    temp_folder,
)

TRIAL_NEEDS = {"memory": 300 * 2**20, HEAD_NODE_RESOURCE_NAME: 0.001}
"""Of a trial: some memory, on the head. What it waits for may lose its machine; it must not go with it."""

_TRIALS_SHARE = 0.25
"""Of the head's memory, that trials may hold."""

_abandoned = threading.Event()
"""A run's cluster has died: to disconnect from that may end the process, so it is left to the next run."""

_ENV_VARS = ENV_VARS | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


@contextmanager
def cluster(namespace: str, *, cpus: int | None = None, store: str | None = None) -> Iterator[None]:
    """Connect for the length of a sweep: to `RAY_ADDRESS` if it is set, else to a cluster of our own with ``cpus``, or all.

    ``store`` is what is safe when a run ends early, for the line that says why.

    Raises:
        UserError: `RAY_ADDRESS` is no address, a disk is full, or this process is connected to a cluster already, which is
            the caller's.
        RunFailed: no cluster answers at `RAY_ADDRESS`, or Ray could not be started here.
        ClusterDied: it did, later.
        StoppedAtOnce: a second SIGINT or SIGTERM, or a first one while Tune does not run.
    """
    if _abandoned.is_set():
        _abandoned.clear()
        ray.shutdown()
    if ray.is_initialized():
        raise UserError(
            "this process is connected to Ray already; call ray.shutdown() first, and set RAY_ADDRESS to run on that cluster"
        )
    named = cluster_of_others()
    silence_loggers()
    if named is None:
        check_temp_folder()
        protect_token()
    else:
        check_address(named)
    own = OwnCluster() if named is None else None
    kept = f"finished stages stay in {store}, and the same command goes on from there"
    watch = ClusterWatch(kept if store else "run it again", own.end if own else lambda: None)
    variables = _ENV_VARS if named else _ENV_VARS | LOCAL_CLUSTER_ENV_VARS
    with watch.until_the_end(), watch.signals(), _environment(variables):
        try:
            _connect(namespace, cpus, named)
            if own:
                own.note()
            watch.start(
                parts_of_own_cluster()
                if own
                else parts_of_another_cluster(ray.get_runtime_context().gcs_address)
            )
            yield
        finally:
            watch.stop()
            try:
                if watch.has_lost_its_cluster:
                    _abandoned.set()
                else:
                    ray.shutdown()
            finally:
                if own:
                    own.end()


def _connect(namespace: str, cpus: int | None, named: str | None) -> None:
    with nullcontext() if named else one_machine():
        try:
            ray.init(
                # Without an address Ray would join any cluster that somebody has started on this machine.
                address=None if named else "local",
                namespace=namespace,
                num_cpus=None if named else cpus,
                # Four processes and half of the CPU time of a start, for a page that nobody was told of.
                include_dashboard=None if named else False,
                log_to_driver=False,
                logging_level=logging.WARNING,
                runtime_env={"env_vars": _ENV_VARS} if named else None,
            )
        except SystemExit:
            # What Ray makes of a SIGTERM from here on.
            raise KeyboardInterrupt from None
        except Exception as error:
            # Where a part of it dies while it starts, Ray raises Exception itself.
            if not (type(error) is Exception or isinstance(error, RuntimeError | OSError)):
                raise
            if is_full_disk(error):
                raise UserError(
                    f"{temp_folder()}: no space left for a local Ray; make room there, or set RAY_TMPDIR to another folder"
                ) from error
            verb = f"did not answer at {named}" if named else "could not be started"
            raise RunFailed(
                f"Ray {verb}: {last_line(error).rstrip('.')}; its logs are in {temp_folder()}/session_latest/logs; nothing has been "
                "made yet, run the same command again"
            ) from error


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
