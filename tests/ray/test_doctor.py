"""`raydoa doctor` on a cluster of two raylets: what it sees on each, and what it says when something is wrong."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from raydoa.cli import main

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("token") / "auth_token"
    path.write_text("a-token-of-the-tests-of-raydoa-0123456789")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def two_nodes(token: Path) -> Iterator[Any]:
    """A head and a worker that ask for a token; the worker says that it has a GPU, and has none."""
    from ray._private.authentication_test_utils import reset_auth_token_state
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        reset_auth_token_state()  # Ray read them when it was imported.
        head = {"num_cpus": 1, "num_gpus": 0}
        nodes = Cluster(initialize_head=True, head_node_args=head)
        nodes.add_node(num_cpus=1, num_gpus=1)
        patch.setenv("RAY_ADDRESS", nodes.address)
        yield nodes
        nodes.shutdown()
    reset_auth_token_state()


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[str]]:
    capsys.readouterr()
    code = main(["doctor", *map(str, arguments)])
    return code, capsys.readouterr().out.splitlines()


def check_what_listens(lines: list[str], address: str) -> None:
    """A line for each node, with its own ports as Ray knows them; the head's control store is on both's machine."""
    import ray

    ray.init(address=address)
    try:
        nodes = {node["NodeID"][:8]: node for node in ray.nodes()}
    finally:
        ray.shutdown()
    for node_id, node in nodes.items():
        (line,) = [line for line in lines if f"({node_id})  " in line]
        everything, _, metrics = line.partition("; metrics to whoever asks, without the token, on ")
        assert f"control store {address.rpartition(':')[2]}," in everything, line
        assert re.search(rf"raylet [\d ]*\b{node['NodeManagerPort']}\b", everything), line
        assert re.search(r"runtime environment agent \d+, workers \d+", everything), line
        assert str(node["MetricsExportPort"]) in metrics.partition(":")[0].split(), line
        assert metrics.endswith("or close them (docs/clusters.md#ports)"), line


def test_a_gpu_that_torch_does_not_see(
    two_nodes: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All else is well, so this is the only finding: ports of metrics are none. Nothing is left in the shared folders."""
    code, lines = said(capsys, "--store", tmp_path / "store", "--results", tmp_path / "results")
    assert code == 1 and len(lines) == 5, lines
    seen = [line for line in lines if "raydoa 0.1.0 (code " in line]
    assert len(seen) == 2 and len({line.split("raydoa ")[1].split(")")[0] for line in seen}) == 1
    assert all(
        "torch 2." in line and "ray 2.60.0" in line and "clock +0.0 s" in line.replace("-", "+")
        for line in seen
    )
    listening = [line for line in lines if "  listens beyond loopback: " in line]
    check_what_listens(listening, two_nodes.address)
    (finding,) = set(lines) - set(seen) - set(listening)
    assert "Ray offers 1 GPUs, and torch sees 0; check nvidia-smi" in finding
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_storage_that_is_not_shared(two_nodes: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """fsspec's memory:// can be written from every process, and is seen by none but itself."""
    code, lines = said(capsys, "--store", "memory://raydoa")
    unseen = [line for line in lines if "memory://raydoa does not show what" in line]
    assert code == 1 and len(unseen) >= 1, lines
    assert all(line.endswith("give a folder or URL that all nodes share") for line in unseen)


def test_storage_that_cannot_be_written(
    two_nodes: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    code, lines = said(capsys, "--results", tmp_path / "file" / "results")
    refused = [line for line in lines if f"{tmp_path}/file/results cannot be written: " in line]
    assert code == 1 and len(refused) == 2, lines
    assert not any("does not show" in line for line in lines)


def test_a_token_that_others_may_read(
    two_nodes: Any, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token.chmod(0o644)
    try:
        code, lines = said(capsys)
    finally:
        token.chmod(0o600)
    open_tokens = [line for line in lines if f"{token} has mode 644: others" in line]
    assert code == 1 and len(open_tokens) == 2, lines
    assert all(line.endswith(f"chmod 600 {token}") for line in open_tokens)


def test_no_address(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert main(["doctor"]) == 2
    assert "RAY_ADDRESS is not set" in capsys.readouterr().err
