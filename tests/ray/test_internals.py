"""What raydoa relies on without a promise of Ray's or DeepSpeed's: after an upgrade, the failing cases name what broke."""

import importlib.util
import inspect
import logging
import multiprocessing
import os
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from raydoa.errors import UserError
from raydoa.on_ray import deepspeed_internals, ray_internals
from raydoa.on_ray.cluster import cluster
from raydoa.on_ray.cluster_processes import parts_of_own_cluster
from tests.ray.watching import actors, until

pytestmark = pytest.mark.timeout(300)

_RAY_NAMES = [
    "ray._common.constants:HEAD_NODE_RESOURCE_NAME",
    "ray._common.utils:get_default_ray_temp_dir",
    "ray._private.ray_constants:ENABLE_RAY_CLUSTERS_ENV_VAR",
    "ray._private.services:canonicalize_bootstrap_address",
    "ray._private.state:state.get_draining_nodes",
    "ray._private.state:state.actor_table",
    "ray._private.state:state._connect_and_get_accessor",
    "ray._raylet:GlobalStateAccessor.get_placement_group_table",
    "ray._raylet:GcsClient",
    "ray.core.generated.gcs_pb2:PlacementGroupTableData.REMOVED",
    "ray.core.generated.gcs_pb2:PlacementGroupTableData.FromString",
    "ray.train.v2._internal.exceptions:WorkerGroupStartupTimeoutError",
    "ray.train.v2._internal.constants:CHECKPOINT_MANAGER_SNAPSHOT_FILENAME",
    "ray.train.v2._internal.execution.checkpoint.checkpoint_manager:_CheckpointManagerState",
    "ray.train:ControllerError",
    "ray.train:PreemptionError",
    "ray.autoscaler._private.util:prepare_config",
    "ray.autoscaler._private.util:validate_config",
    "ray.autoscaler._private.constants:AUTOSCALER_METRIC_PORT",
    "ray.dashboard.consts:DASHBOARD_METRIC_PORT",
    "ray.scripts.scripts:start.params",
    "ray.air.integrations.mlflow:MLflowLoggerCallback",
    "ray.air._internal.usage:tag_callbacks",
]
_PLACEMENT_GROUP_FIELDS = [
    "state", "creator_job_id", "is_detached", "placement_group_id", "creator_actor_id",
    "creator_actor_dead",
]  # fmt: skip
_READERS = {
    "RAY_ENABLE_WINDOWS_": "_private/ray_constants.py",
    "RAY_TRAIN_": "train/v2/_internal/constants.py",
    "TUNE_": "tune/constants.py",
    "RAY_AIR_": "air/constants.py",
    "RAY_DATA_": "data/context.py",
    "RAY_": "core/src/ray/raylet/raylet",
}
"""Files of Ray that read environment variables, by their prefix; the last one reads them without it."""


def _get(path: str) -> Any:
    module, _, name = path.partition(":")
    return reduce(getattr, name.split("."), importlib.import_module(module))


@pytest.mark.parametrize("path", _RAY_NAMES)
def test_ray_has(path: str) -> None:
    assert _get(path) is not None


@pytest.mark.parametrize("sign", [s for signs in ray_internals.HEAD_SIGNS.values() for s in signs])
def test_a_heads_service_is(sign: str) -> None:
    if sign.startswith("ray."):
        assert importlib.util.find_spec(sign) is not None
    else:
        assert (Path(ray.__file__).parent / sign).is_file()


@pytest.mark.parametrize("field", _PLACEMENT_GROUP_FIELDS)
def test_a_placement_groups_record_has(field: str) -> None:
    from ray.core.generated.gcs_pb2 import PlacementGroupTableData

    assert field in PlacementGroupTableData.DESCRIPTOR.fields_by_name


def test_preemption_is_a_reason_to_drain_a_node() -> None:
    from ray.core.generated import autoscaler_pb2

    assert "DRAIN_NODE_REASON_PREEMPTION" in autoscaler_pb2.DrainNodeReason.keys()


@pytest.mark.parametrize(
    "variable", [*ray_internals.ENV_VARS, *ray_internals.LOCAL_CLUSTER_ENV_VARS]
)
def test_ray_reads_the_variable(variable: str) -> None:
    prefix = next(prefix for prefix in _READERS if variable.startswith(prefix))
    name = variable.removeprefix("RAY_") if prefix == "RAY_" else variable
    assert name.encode() in (Path(ray.__file__).parent / _READERS[prefix]).read_bytes()


@pytest.mark.parametrize("name", [*ray_internals.NOISY_LOGGERS, ray_internals._LAUNCHER_LOGGER])
def test_the_module_has_a_logger(name: str) -> None:
    assert importlib.import_module(name).logger is logging.getLogger(name)


def test_no_experiment_is_unpickled() -> None:
    from ray.tune import ExperimentAnalysis

    before = ExperimentAnalysis._load_trials
    with ray_internals.no_experiment_is_unpickled():
        assert ExperimentAnalysis._load_trials(object()) == []
    assert ExperimentAnalysis._load_trials is before


def test_mlflows_callback_logs_to_a_run_that_exists(tmp_path: Path) -> None:
    from mlflow import MlflowClient
    from ray.air.integrations.mlflow import MLflowLoggerCallback
    from ray.tune.experiment import Trial

    uri, trial = f"sqlite:///{tmp_path}/runs.db", Trial("f", stub=True)
    callback = MLflowLoggerCallback(uri, experiment_name="internals")
    callback.setup()
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(callback.experiment_name)
    run = client.create_run(experiment.experiment_id).info.run_id
    ray_internals.attach_mlflow_run(callback, trial, run)
    callback.log_trial_end(trial)
    assert client.get_run(run).info.status == "FINISHED"


def test_ray_start_has_flags() -> None:
    assert {"--head", "--address"} <= ray_internals.start_flags()


class _Actor:
    pass


@pytest.mark.usefixtures("two_cpus")
def test_a_local_cluster_listens_on_loopback_alone() -> None:
    """Ray's processes and workers, whatever they serve; and what a run depends on is found among them."""
    ray.get(ray.remote(num_cpus=0)(lambda: None).remote())
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    addresses = {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses and addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    parts = parts_of_own_cluster()
    names = [part.name.partition(" (process")[0] for part in parts]
    assert sorted(names) == [
        "Ray's control store (GCS)",
        "Ray's dashboard agent",
        "Ray's raylet",
        "Ray's runtime environment agent",
    ]
    assert all(part.is_alive() for part in parts)


def test_the_longest_socket_is_the_one_that_ray_makes(two_cpus: None) -> None:
    made = ray_internals.own_raylet_socket().replace("/raylet", "/plasma_store")
    assert len(ray_internals.longest_socket(ray_internals.temp_folder())) == len(made)


@pytest.mark.usefixtures("two_cpus")
class TestOnACluster:
    def test_a_node_that_is_not_drained(self) -> None:
        assert ray_internals.draining_nodes() == set()

    def test_no_placement_group_is_orphaned(self) -> None:
        job = ray.get_runtime_context().get_job_id()
        assert list(ray_internals.orphaned_placement_groups(job)) == []

    def test_the_head_has_its_resource(self) -> None:
        assert ray.cluster_resources()[ray_internals.HEAD_NODE_RESOURCE_NAME] == 1

    def test_an_actor_is_in_the_table_of_actors(self) -> None:
        actor = ray.remote(num_cpus=0)(_Actor).remote()
        ray.get(actor.__ray_ready__.remote())
        ((state, pid, node),) = actors("_Actor")
        assert state == "ALIVE" and pid and node
        ray.kill(actor)
        until("its being dead", lambda: actors("_Actor")[0][0] == "DEAD")

    def test_a_second_run_in_this_process_leaves_the_first_ones_ray(self) -> None:
        with pytest.raises(UserError, match="connected to Ray already"), cluster("another"):
            pass
        assert ray.is_initialized()

    def test_a_drain_request_is_answered(self) -> None:
        gcs = ray_internals.gcs_client(ray.get_runtime_context().gcs_address)
        accepted, rejection = ray_internals.drain_node(gcs, "f" * 56, "a test", deadline=4e9)
        assert accepted or rejection


_ZERO_NAMES = {
    # ZeRO stage and precision: what is read off engine, optimizer and parameter.
    (0, "float32"): ["engine.basic_optimizer", "engine.optimizer"],
    (0, "bfloat16"): ["optimizer.fp16_groups", "optimizer.fp32_groups"],
    (1, "float32"): [
        "optimizer.single_partition_of_fp32_groups", "optimizer.update_lp_params",
        "parameter._hp_mapping", "parameter._hp_mapping.param_group_index",
        "parameter._hp_mapping.get_hp_fragment_address", "parameter._hp_mapping.lp_fragment_address.start",
    ],
    (1, "bfloat16"): ["optimizer.single_partition_of_fp32_groups", "optimizer.update_lp_params"],
    (2, "float32"): ["optimizer.single_partition_of_fp32_groups", "optimizer.update_lp_params"],
    (3, "float32"): [
        "optimizer.grad_position", "optimizer.get_param_id", "optimizer.fp32_partitioned_groups_flat",
        "optimizer.fp16_partitioned_groups_flat", "optimizer.checkpoint_event_prologue",
        "optimizer.checkpoint_event_epilogue", "parameter.ds_shape", "parameter.ds_numel",
        "engine._zero3_consolidated_16bit_state_dict",
    ],
}  # fmt: skip
_ENGINE_NAMES = [
    "engine.zero_optimization_stage", "engine.zero_optimization_partition_weights", "engine.module_state_dict",
    "engine.module",
]  # fmt: skip
_FULL_SIZE = "every element of the parameters is in a fragment"


@pytest.fixture(scope="module")
def zero() -> Iterator[dict[tuple[int, str], set[str]]]:
    """What tiny engines of one rank have, by ZeRO stage and precision; they live in a process of their own."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        yield process.apply(_inspect)


def _inspect() -> dict[tuple[int, str], set[str]]:
    import torch

    os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE="1")
    rendezvous = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=rendezvous, rank=0, world_size=1)
    deepspeed_internals.init_distributed()
    return {case: _names_of(*case) for case in _ZERO_NAMES}


def _names_of(stage: int, precision: str) -> set[str]:
    import deepspeed
    import torch

    model = torch.nn.Linear(8, 4, dtype=getattr(torch, precision))
    elements = sum(parameter.numel() for parameter in model.parameters())
    optimizer = torch.optim.AdamW(model.parameters())
    config = {
        "train_batch_size": 1,
        "bf16": {"enabled": precision == "bfloat16"},
        "zero_optimization": {"stage": stage},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
    }
    engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=config)
    roots = {"engine": engine, "optimizer": engine.optimizer}
    roots["parameter"] = next(engine.module.parameters())
    names = {name for name in _ZERO_NAMES[stage, precision] + _ENGINE_NAMES if _has(roots, name)}
    fragments = deepspeed_internals.fragments(engine)
    deepspeed_internals.refresh_weights(engine)
    state = deepspeed_internals.consolidated_state(engine)
    sizes = {sum(len(f.master) for f in fragments), sum(t.numel() for t in state.values())}
    return names | ({_FULL_SIZE} if sizes == {elements} else set())


def _has(roots: dict[str, Any], path: str) -> bool:
    root, *names = path.split(".")
    try:
        return reduce(getattr, names, roots[root]) is not None
    except AttributeError:
        return False


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (case, n)
        for case, names in _ZERO_NAMES.items()
        for n in [*names, *_ENGINE_NAMES, _FULL_SIZE]
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)),
)
def test_zero_has(case: tuple[int, str], name: str, zero: dict[tuple[int, str], set[str]]) -> None:
    assert name in zero[case]


def test_deepspeed_probes_compatible_ops_on_first_use() -> None:
    """So that an assignment before it prevents the probe."""
    ops = importlib.import_module("deepspeed.ops")
    assert "__compatible_ops__" in inspect.getsource(ops)
    assert "__compatible_ops__" in inspect.getsource(
        importlib.import_module("deepspeed.comm.torch")
    )
