"""Everything of Ray that raydoa relies on and that Ray does not promise: private modules, attributes and variables.

Nothing else in this package names them (tests/unit/test_internals.py), and tests/ray/test_internals.py says which of
them an upgrade of Ray has removed or changed. Seen with Ray 2.60.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._common import constants
from ray._common.utils import get_default_ray_temp_dir
from ray._private import ray_constants, services, worker
from ray._private.state import state
from ray.core.generated import autoscaler_pb2
from ray.core.generated.gcs_pb2 import PlacementGroupTableData
from ray.util.placement_group import PlacementGroup

HEAD_NODE_RESOURCE_NAME: str = constants.HEAD_NODE_RESOURCE_NAME
"""A resource of which the head node has 1, and no other node any: asking for some of it is to run there."""

ENV_VARS = {
    # Ray Train polls its workers every 2 s by default; a nano teacher trains for 10.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    # A worker group may queue behind others for hours, and one that can never fit is refused by us. But a pending one
    # must be sized again now and then: Ray takes some 15 s to notice that a node is dead, and a group that was sized
    # before would wait for it for ever. A retry costs a controller's start, some seconds of nobody's CPU.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "30",
    # Google's notice comes 30 s before the end; Ray Train polls every 5 s by default.
    "RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S": "1",
    # Rows are JSON; writing CSV and TensorBoard's files as well is most of what Tune's driver does for a short trial.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # raydoa reports progress itself: no banners, no bars, no warnings about what is intended.
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
"""Variables that Ray reads, on any cluster."""

_ONE_MACHINE_VARIABLE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"

LOCAL_CLUSTER_ENV_VARS = {
    # Trials hold no CPU, so there are many more workers than CPUs; Ray warns from four times this on.
    "RAY_worker_maximum_startup_concurrency": "16",
    # A worker that has torch and transformers loaded is worth keeping; by default as many as there are CPUs are.
    "RAY_num_workers_soft_limit": "8",
    # Cloud machines are preempted with notice; this one is not, and a watcher is one more process.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    # Everything listens on the loopback address alone, as Ray has it on macOS; see `one_machine`.
    _ONE_MACHINE_VARIABLE: "0",
}
"""Variables for a cluster that this process starts and ends."""

AGENT_SIGNS = {
    "dashboard agent": ("dashboard/agent.py", "ray::DashboardAgent"),
    "runtime environment agent": ("runtime_env/agent/main.py", "ray::RuntimeEnvAgent"),
}
"""What the command lines of a raylet's agents contain, when they start and later."""

HEAD_SIGNS = {
    "control store": ("core/src/ray/gcs/gcs_server",),
    "dashboard": ("dashboard/dashboard.py",),
    "autoscaler": ("autoscaler/_private/monitor.py", "autoscaler/v2/monitor.py"),
    "Ray Client": ("ray.util.client.server",),
}
"""What the command lines of a head's services contain, beside the session's name or the address of the control store."""

RAYLET_PID_VARIABLE = "RAY_RAYLET_PID"
"""In the environment of a worker and of whatever it starts: the process id of its raylet."""

NOISY_LOGGERS = (
    # Says that a local cluster uses token authentication, which needs nobody's attention.
    "ray._private.authentication.authentication_token_setup",
    # Says that a step of Tune's took half a second, as it may on a busy laptop.
    "ray.tune.utils.util",
    # Says of a run that was stopped that unfinished trials have no row.
    "ray.tune.analysis.experiment_analysis",
    # Print the whole traceback of a failed cell: raydoa prints its last line, and each cell's folder has the rest.
    "ray.tune.execution.tune_controller",
    # Prints the traceback of a full disk each time that it fails to write down its own state.
    "ray.tune.execution.experiment_state",
    "ray.train._internal.syncer",
    "ray.tune.tune",
)
"""Modules of Ray whose loggers, named after them, say what raydoa's users need not read."""

_LAUNCHER_LOGGER = "ray.autoscaler._private.util"


def silence_loggers() -> None:
    """Let `NOISY_LOGGERS` log critical errors only."""
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def one_machine() -> Iterator[None]:
    """A cluster that is started in here has the loopback address and listens on nothing else.

    Ray knows this as a cluster that no other node may join, which its processes learn from `LOCAL_CLUSTER_ENV_VARS`; this
    one has read that variable when it imported Ray. An address of 127.0.0.1 alone would be replaced.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = os.environ.get(_ONE_MACHINE_VARIABLE) == "1"
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def temp_folder() -> str:
    """Where a local Ray keeps its sessions."""
    return str(get_default_ray_temp_dir())


def longest_socket(folder: str) -> str:
    """The longest path of a socket in a session that this process starts in a folder."""
    session = f"session_2026-11-29_22-37-56_159336_{os.getpid()}"
    return f"{folder}/{session}/sockets/plasma_store"


def own_raylet_socket() -> str:
    """The socket of the raylet that this process is connected to; it stands in the raylet's command line."""
    return str(worker.global_worker.node.raylet_socket_name)


def own_session() -> str:
    """The name of the session of the cluster that this process is connected to, the same on every node."""
    return str(worker.global_worker.node.session_name)


def metrics_ports() -> tuple[int, int]:
    """Where the autoscaler and the dashboard show metrics to Prometheus, each on all addresses of the head."""
    from ray.autoscaler._private.constants import AUTOSCALER_METRIC_PORT
    from ray.dashboard.consts import DASHBOARD_METRIC_PORT

    return AUTOSCALER_METRIC_PORT, DASHBOARD_METRIC_PORT


def is_rays(command_line: Sequence[str]) -> bool:
    """Whether a process is one of those that Ray starts for a cluster."""
    return any(str(Path(ray.__file__).parent) in word for word in command_line)


def draining_nodes() -> set[str]:
    """Ids of the nodes that are being drained; `ray.nodes()` lists them as alive."""
    return set(state.get_draining_nodes())


def orphaned_placement_groups(job_id: str) -> Iterator[PlacementGroup]:
    """Placement groups of a job that exist although the actors that created them are dead.

    The public listing does not name creators. The table of placement groups misses a creator that asked for one more
    group in the last millisecond before it died, so the table of actors has the last word.
    """
    for raw in state._connect_and_get_accessor().get_placement_group_table():
        group = PlacementGroupTableData.FromString(raw)
        removed = group.state == PlacementGroupTableData.REMOVED
        of_job = group.creator_job_id.hex() == job_id and not group.is_detached
        if of_job and not removed and _creator_is_dead(group):
            yield PlacementGroup(ray.PlacementGroupID(group.placement_group_id))


def _creator_is_dead(group: PlacementGroupTableData) -> bool:
    # A group that the driver created has no creator actor, which Ray counts as a dead one.
    if ray.ActorID(group.creator_actor_id).is_nil():
        return False
    creator = state.actor_table(group.creator_actor_id.hex())
    return bool(group.creator_actor_dead or creator.get("State") == "DEAD")


def cluster_address() -> str | None:
    """Address of the cluster that this machine belongs to; None if Ray does not run here."""
    address = services.canonicalize_bootstrap_address(None)
    return None if address is None else str(address)


def gcs_client(address: str) -> Any:
    """A client of the cluster's control store (GCS)."""
    return ray._raylet.GcsClient(address=address)


def drain_node(gcs: Any, node_id: str, reason: str, deadline: float) -> tuple[bool, str]:
    """Drain a node because it is preempted, at ``deadline`` (unix seconds); returns whether Ray accepted, and if not, why.

    It takes no new work. `ray drain-node` does this from a shell; ``gcs`` is from `gcs_client`.

    Raises:
        ray.exceptions.RpcError: the head node did not answer.
    """
    accepted, rejection = gcs.drain_node(
        node_id,
        autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
        reason,
        round(deadline * 1000),
    )
    return bool(accepted), str(rejection)


def is_startup_timeout(failure: BaseException) -> bool:
    """Whether Ray Train gave a worker group up because its resources did not come in time."""
    from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError

    return isinstance(failure, WorkerGroupStartupTimeoutError)


def error_text_of(trial: Any) -> str:
    """What a trial of Tune's has failed with, as text; Tune also pickles it, where others may be able to write."""
    return Path(trial.error_file).read_text(encoding="utf-8", errors="replace")


@contextmanager
def no_experiment_is_unpickled() -> Iterator[None]:
    """Keep Tune from unpickling a result dir's state, as it does at the end of a run that was stopped before any trial."""
    from ray.tune.analysis.experiment_analysis import ExperimentAnalysis

    load = ExperimentAnalysis._load_trials
    ExperimentAnalysis._load_trials = lambda _analysis: []
    try:
        yield
    finally:
        ExperimentAnalysis._load_trials = load


@contextmanager
def callbacks_are_not_counted() -> Iterator[None]:
    """Keep Tune from reporting which of its own callbacks a run has: to tell, it imports mlflow wherever that is installed."""
    from ray.air._internal import usage

    tag = usage.tag_callbacks
    usage.tag_callbacks = lambda _callbacks: False
    try:
        yield
    finally:
        usage.tag_callbacks = tag


def train_snapshot_name() -> str:
    """The file in a run's folder in which Ray Train lists the run's checkpoints."""
    from ray.train.v2._internal.constants import CHECKPOINT_MANAGER_SNAPSHOT_FILENAME

    return str(CHECKPOINT_MANAGER_SNAPSHOT_FILENAME)


def train_snapshot(content: bytes) -> Any:
    """That list. Raises `ValueError` or `RecursionError`: it is none."""
    from ray.train.v2._internal.execution.checkpoint.checkpoint_manager import (
        _CheckpointManagerState,
    )

    return _CheckpointManagerState.model_validate(json.loads(content))


def attach_mlflow_run(callback: Any, trial: Any, run_id: str) -> None:
    """Make an `MLflowLoggerCallback` log a trial to a run that exists, instead of starting one."""
    callback._trial_runs[trial] = run_id


def start_flags() -> frozenset[str]:
    """Every flag of the installed Ray's `ray start`."""
    from ray.scripts.scripts import start

    return frozenset(flag for parameter in start.params for flag in parameter.opts)


def validate_launcher_config(config: Mapping[str, Any]) -> None:
    """Fill in the defaults of a cluster YAML (in place) and validate it, as `ray up` does before anything else.

    Raises:
        jsonschema.ValidationError: a field is not in the launcher's schema.
        click.ClickException: the launcher refuses a value.
    """
    from ray.autoscaler._private.util import prepare_config, validate_config

    logging.getLogger(_LAUNCHER_LOGGER).setLevel(logging.WARNING)
    validate_config(prepare_config(config))
