"""Connect to a Ray cluster, or start one in this process."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import ray

from raydoa.errors import InsufficientResources
from raydoa.experiment.config import RuntimeConfig

logger = logging.getLogger(__name__)

_ENVIRONMENT = {
    # Ray Train polls its workers every 2 s by default; a nano teacher trains for 10.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    # A worker group may queue behind others for hours, and one that can never fit is refused by us. But one that waits
    # must look again how many workers there is room for: Ray takes some 15 s to notice that a node is dead, and a group
    # that was sized before would wait for it for ever. A look costs a controller's start, some seconds of nobody's CPU.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "30",
    # Google's notice comes 30 s before the end; Ray Train asks every 5 s by default.
    "RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S": "1",
    # Rows are JSON; writing CSV and TensorBoard's files as well is most of what Tune's driver does for a short trial.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Progress is told by us: no banners, bars, and warnings about what is as it should be.
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
_OWN_ENVIRONMENT = {
    # Trials hold no CPU, so there are many more workers than CPUs; Ray warns from four times this on.
    "RAY_worker_maximum_startup_concurrency": "16",
    # A worker that has torch and transformers loaded is worth keeping; by default as many as there are CPUs are.
    "RAY_num_workers_soft_limit": "8",
    # Machines of a cloud are taken away with notice; this one is not, and a watcher is one more process.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
}
_TALKATIVE = (
    # Says that a cluster of our own asks for a token, which needs nobody's attention.
    "ray._private.authentication.authentication_token_setup",
    # Says that a step of Tune's took half a second, as it may on a busy laptop.
    "ray.tune.utils.util",
    # Says, when a sweep goes on, that cells which had not finished have no row.
    "ray.tune.analysis.experiment_analysis",
    # Print the whole traceback of a cell that failed: we say its last line, and each cell's folder has the rest.
    "ray.tune.execution.tune_controller",
    "ray.tune.tune",
)


@contextmanager
def cluster(namespace: str, *, cpus: int | None = None) -> Iterator[None]:
    """Connect for the length of a sweep: to `RAY_ADDRESS` if it is set, else to a cluster of our own.

    Args:
        namespace: the sweep's; its named actors are found there.
        cpus: how many CPUs a cluster of our own offers; those of the machine by default.
    """
    remote = "RAY_ADDRESS" in os.environ
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with _environment(_ENVIRONMENT if remote else _ENVIRONMENT | _OWN_ENVIRONMENT):
        ray.init(
            # Without an address Ray would join any cluster that somebody has started on this machine.
            address=None if remote else "local",
            namespace=namespace,
            num_cpus=None if remote else cpus,
            # Four processes and half of the CPU time that starting takes, for a page that nobody was told of.
            include_dashboard=None if remote else False,
            log_to_driver=False,
            logging_level=logging.WARNING,
            runtime_env={"env_vars": dict(_ENVIRONMENT)} if remote else None,
        )
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Those that are not set already, for as long as the cluster is there: the next one may be of another kind."""
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def usable_nodes() -> dict[str, Mapping[str, float]]:
    """Resources by the ids of the nodes that take new work: a node that is being drained does not."""
    draining = ray._private.state.state.get_draining_nodes()
    return {
        node["NodeID"]: node["Resources"]
        for node in ray.nodes()
        if node["Alive"] and node["NodeID"] not in draining
    }


def room_for(each: Mapping[str, float]) -> int:
    """How many workers that need ``each`` the nodes of this cluster hold, as it stands."""
    return sum(_fits(each, found) for found in usable_nodes().values())


def _fits(each: Mapping[str, float], found: Mapping[str, float]) -> int:
    """Workers that need ``each`` in the resources of one node."""
    wanted = {name: amount for name, amount in each.items() if amount}
    return min(int(found.get(name, 0.0) // amount) for name, amount in wanted.items())


def check_room(
    each: Mapping[str, float], count: int, what: str, runtime: RuntimeConfig, remedy: str
) -> None:
    """Refuse what would wait for ever.

    Where the cluster grows on demand nothing is refused: Ray asks its autoscaler for what is lacking.

    Raises:
        InsufficientResources: the cluster, as it stands, has no room for ``count`` workers that need ``each``.
    """
    room = room_for(each)
    if room < count and not runtime.cluster_grows:
        one = " and ".join(f"{amount:g} {name}" for name, amount in each.items() if amount)
        raise InsufficientResources(
            f"{what} needs {count} x {one}, and the cluster's nodes have room for {room}; {remedy} or start a larger "
            "cluster"
        )
