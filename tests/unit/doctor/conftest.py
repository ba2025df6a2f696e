"""Shipped cluster files with their placeholders filled, and a way to break them."""

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from raydoa.cli import main

CLUSTERS = Path(__file__).parents[3] / "clusters"
FILLED = {
    "IMAGE": "ami-0123456789abcdef0",
    "SECURITY_GROUP": "sg-0123456789abcdef0",
    "FILE_SYSTEM": "fs-0123456789abcdef0",
    "PROJECT": "my-project",
    "SHARE": "10.0.0.2",
    "STORAGE_CLASS": "nfs",
    "OPERATOR_NAMESPACE": "kuberay-system",
}
ONPREM = """
cluster_name: raydoa
provider: {type: local, head_ip: 10.0.0.1, worker_ips: [10.0.0.2, 10.0.0.3]}
auth: {ssh_user: ubuntu, ssh_private_key: ~/.ssh/id_ed25519}
file_mounts: {~/.ray/auth_token: ~/.ray/auth_token}
setup_commands: [chmod 600 ~/.ray/auth_token]
head_start_ray_commands:
  - ray stop
  - >-
    export RAY_AUTH_MODE=token RAY_enable_autoscaler_v2=0; ray start --head --port=6379
    --autoscaling-config=~/ray_bootstrap_config.yaml --dashboard-host=127.0.0.1
worker_start_ray_commands:
  - ray stop
  - export RAY_AUTH_MODE=token && ray start --address=$RAY_HEAD_IP:6379
"""

Documents = list[dict[str, Any]]


def filled(name: str) -> str:
    """A shipped file's text as its set-up step, or a person, completes it."""
    if name == "onprem":
        return ONPREM
    text = (CLUSTERS / f"{name}.yaml").read_text("utf-8")
    return re.sub(r"<([A-Z_]+)>", lambda found: FILLED[found[1]], text)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home with a token and a key, closed as they should be; the checkout is where `ray up` runs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(CLUSTERS.parent)
    for name in (".ray/auth_token", ".ssh/id_ed25519"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret")
        path.chmod(0o600)


Examine = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def examine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Examine:
    """`raydoa doctor` on a shipped file that ``change`` has broken: its code, and the findings' lines."""

    def call(
        name: str, change: Callable[[Any], object] | None = None, *arguments: str
    ) -> tuple[int, list[str]]:
        documents = copy.deepcopy(list(yaml.safe_load_all(filled(name))))
        if change is not None:
            change(documents[0] if len(documents) == 1 else documents)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump_all(documents))
        capsys.readouterr()
        code = main(["doctor", str(path), *arguments])
        out = capsys.readouterr().out.splitlines()
        return code, [
            line.removeprefix(f"{path}: ") for line in out if line.startswith(f"{path}: ")
        ]

    return call


def merged(changes: Mapping[str, Any]) -> Callable[[dict[str, Any]], None]:
    """A change that sets values at dotted paths; None removes the key."""

    def change(config: dict[str, Any]) -> None:
        for path, value in changes.items():
            *parents, last = path.split("|")
            at: Any = config
            for parent in parents:
                at = at[int(parent) if isinstance(at, list) else parent]
            if value is None:
                del at[last]
            else:
                at[int(last) if isinstance(at, list) else last] = value

    return change
