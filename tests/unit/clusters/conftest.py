"""moto's AWS in this process, with every RunInstances written down, and the scripts of clusters/ as modules."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CLUSTERS = Path(__file__).parents[3] / "clusters"
REGION = "us-west-2"
BUCKET = "raydoa-of-a-test"
SSH_CIDR = "203.0.113.7/32"
IMAGE = "ami-0123456789abcdef0"


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CLUSTERS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def account(home: Path) -> Iterator[None]:
    """An empty AWS account, and a home for the key that Ray makes."""
    from moto import mock_aws

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.delenv("AWS_PROFILE", raising=False)
        with mock_aws():
            yield


def filled_by_setup(folder: Path) -> Path:
    """What clusters/aws_setup.py makes of clusters/aws.yaml."""
    out = folder / "my-aws.yaml"
    asked = [
        "--region",
        REGION,
        "--bucket",
        BUCKET,
        "--ssh-cidr",
        SSH_CIDR,
        "--image",
        IMAGE,
        "--out",
        str(out),
    ]
    assert load_script("aws_setup").main(asked) == 0
    return out


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[None]:
    with account(tmp_path):
        yield


@pytest.fixture
def set_up(aws: None, tmp_path: Path) -> Path:
    return filled_by_setup(tmp_path)


@contextmanager
def run_instances() -> Iterator[list[dict[str, Any]]]:
    """The parameters of every RunInstances, as they leave the launcher."""
    from botocore.client import BaseClient

    calls: list[dict[str, Any]] = []
    made = BaseClient._make_api_call

    def written_down(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "RunInstances":
            calls.append(parameters)
        return made(self, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", written_down)
        yield calls
