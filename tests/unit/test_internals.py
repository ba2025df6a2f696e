"""Private names of Ray and of DeepSpeed are used in one file each."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from raydoa import on_ray
from raydoa.on_ray.ray_internals import ENV_VARS, LOCAL_CLUSTER_ENV_VARS

_FOLDER = Path(next(iter(on_ray.__path__)))
_INTERNALS = {"ray_internals.py", "deepspeed_internals.py"}
_VARIABLES = ENV_VARS.keys() | LOCAL_CLUSTER_ENV_VARS.keys()
_STANDARD = {
    *dir(object),
    *dir(type),
    *dir(Exception),
    "__cause__",
    "__file__",
    "__version__",
    "_exit",
}
_PRIVATE_MODULE = re.compile(r"^(ray|deepspeed)\..*\b_(?!_)|^ray\.(core\.generated|scripts)\b")
_UNMARKED = {
    # Of DeepSpeed's engine and optimizers, and of Ray's callback for MLflow: not documented, though no underscore says so.
    "basic_optimizer", "ds_numel", "ds_shape", "fp16_groups", "fp16_partitioned_groups_flat", "fp32_groups",
    "fp32_groups_flat_partition", "fp32_partitioned_groups_flat", "get_hp_fragment_address", "get_param_id",
    "grad_position", "lp_fragment_address", "mlflow_util", "single_partition_of_fp32_groups", "update_lp_params",
}  # fmt: skip


def _private(tree: ast.AST) -> Iterator[str]:
    """Private names of others that a module uses; an attribute of `self` is its own if the module assigns or defines it."""
    own = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    own |= {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _of_self(node)
    }
    own |= {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if _PRIVATE_MODULE.search(a.name))
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in names if _PRIVATE_MODULE.search(name))
        elif isinstance(node, ast.Attribute):
            hidden = node.attr.startswith("_") and not (_of_self(node) and node.attr in own)
            if (hidden and node.attr not in _STANDARD) or node.attr in _UNMARKED:
                yield node.attr
        elif isinstance(node, ast.Constant):
            yield from {str(node.value)} & _VARIABLES


def _of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}


@pytest.mark.parametrize(
    "path",
    [p for p in _FOLDER.glob("*.py") if p.name not in _INTERNALS],
    ids=lambda path: path.name,
)
def test_no_other_file_uses_private_names(path: Path) -> None:
    assert list(_private(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import ray._private.state", "ray._private.state"),
        ("from ray._common.constants import X", "ray._common.constants.X"),
        ("from ray import _raylet", "ray._raylet"),
        ("from ray.core.generated import gcs_pb2", "ray.core.generated.gcs_pb2"),
        ("ray._raylet.GcsClient()", "_raylet"),
        ("tuner._local_tuner", "_local_tuner"),
        ("actor.__ray_ready__", "__ray_ready__"),
        ("self._trial_runs[trial] = 1", "_trial_runs"),
        ("deepspeed.ops.__compatible_ops__ = {}", "__compatible_ops__"),
        ("optimizer.grad_position", "grad_position"),
        ("x = {'RAY_num_workers_soft_limit': '8'}", "RAY_num_workers_soft_limit"),
    ],
)
def test_a_private_name_is_seen(code: str, name: str) -> None:
    assert name in list(_private(ast.parse(code)))


def test_the_internals_need_them() -> None:
    users = {p.name for p in _FOLDER.glob("*.py") if any(_private(ast.parse(p.read_text())))}
    assert users == _INTERNALS
