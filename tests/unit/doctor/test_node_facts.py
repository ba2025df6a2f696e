"""What is wrong when the nodes' answers are put side by side."""

from dataclasses import replace
from typing import Any

import pytest

from raydoa.doctor.listeners import Listener
from raydoa.doctor.node_facts import NodeFacts, compare, node_lines

WELL = NodeFacts(
    node="10.0.0.1 (aaaaaaaa)",
    versions={"python": "3.11.9", "ray": "2.60.0", "torch": "2.13.0", "raydoa": "0.1.0 (code 1)"},
    gpus_seen=8,
    gpus_offered=8,
    auth_mode="token",
    token_file="/home/ubuntu/.ray/auth_token",
    token_file_mode=0o600,
    listeners=[
        Listener("control store", "::", 6379, "no HTTP"),
        Listener("dashboard agent", "10.0.0.1", 6384, "unauthorized"),
    ],
    skew_seconds=0.2,
    skew_uncertainty=0.1,
    unwritable={},
    unseen={"s3://b/store": []},
)
OTHER = replace(WELL, node="10.0.0.2 (bbbbbbbb)")
THIRD = replace(WELL, node="10.0.0.3 (cccccccc)")


DASHBOARD = Listener("dashboard", "0.0.0.0", 8265, "something")
METRICS = [
    Listener("dashboard", "0.0.0.0", 44227, "metrics"),
    Listener("dashboard agent", "0.0.0.0", 46501, "metrics"),
    Listener("dashboard agent", "::", 46501, "metrics"),
]
WORKERS = [Listener("workers", "::", 10002 + index, "not asked") for index in range(192)]
ROUTABLE = Listener("dashboard agent", "2001:db8::1", 52365, "something")


def with_version(package: str, version: str | None) -> dict[str, Any]:
    return {"versions": {**WELL.versions, package: version}}


ILL = {
    "python": (with_version("python", "3.12.3"), "python 3.12.3, and 2 of 3 nodes have 3.11.9; install the same"),
    "code": (with_version("raydoa", "0.1.0 (code 2)"), "raydoa 0.1.0 (code 2), and 2 of 3 nodes have 0.1.0 (code 1)"),
    "no torch": ({**with_version("torch", None), "gpus_seen": None}, "torch is not installed; install the same"),
    "a GPU is lost": ({"gpus_seen": 7}, "Ray offers 8 GPUs, and torch sees 7; check nvidia-smi"),
    "GPUs that nobody gets": ({"gpus_offered": 0}, "Ray offers 0 GPUs, and torch sees 8; check nvidia-smi"),
    "no token": ({"auth_mode": None}, "RAY_AUTH_MODE is not set: whoever reaches its ports can run code; put"),
    "token off": ({"auth_mode": "disabled"}, "RAY_AUTH_MODE is disabled: whoever"),
    "open token": ({"token_file_mode": 0o644}, "auth_token has mode 644: others on the node may read it; chmod 600"),
    "a dashboard without a token": (
        {"listeners": [*METRICS, DASHBOARD]},
        "dashboard answers on 0.0.0.0:8265 without the token: whoever reaches it can run code; restart Ray with RAY_AUTH",
    ),
    "an agent without a token": ({"listeners": [ROUTABLE]}, "dashboard agent answers on [2001:db8::1]:52365 without"),
    "no token at all, said once": ({"auth_mode": None, "listeners": [DASHBOARD]}, "RAY_AUTH_MODE is not set: whoever"),
    "clock": ({"skew_seconds": -61.0}, "its clock is -61 s off; start NTP there"),
    "not writable": (
        {"unwritable": {"s3://b/store": "not permitted"}}, "s3://b/store cannot be written: not permitted; give this",
    ),
    "not shared": (
        {"unseen": {"/results": ["b (2)", "c (3)"]}}, "/results does not show what b (2), c (3) wrote; give a folder",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ILL)
def test_one_node_of_three_is_ill(case: str) -> None:
    changes, expected = ILL[case]
    (finding,) = compare([OTHER, replace(WELL, **changes), THIRD])
    assert str(finding).startswith("10.0.0.1 (aaaaaaaa): ") and expected in str(finding)


def test_nodes_that_are_well() -> None:
    # A token from the environment has no file, and a slow answer says little of a clock.
    secret = replace(OTHER, token_file=None, token_file_mode=None)
    slow = replace(THIRD, skew_seconds=12.0, skew_uncertainty=5.0)
    # Metrics tell much and run nothing, and a firewall that keeps others from them is not seen from inside.
    scraped = replace(OTHER, listeners=[*WORKERS, *METRICS])
    silent = replace(THIRD, listeners=None)
    assert list(compare([WELL, secret, slow, scraped, silent])) == []
    assert next(node_lines(slow)).endswith("8 of 8 GPUs  clock +12.0 s")


LINES = {
    "listens beyond loopback: control store 6379, dashboard agent 6384": WELL.listeners,
    "listens beyond loopback: dashboard 44227, dashboard agent 46501, workers 192 ports; metrics to whoever asks, "
    "without the token, on 44227 46501: let a firewall admit the cluster's machines alone, or close them "
    "(docs/clusters.md#ports)": [*METRICS, *WORKERS],
    "listens on loopback alone": [],
    "what listens there is unknown: this user may not list its sockets (as root: ss -ltnp)": None,
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_what_listens_is_a_line_of_its_own(line: str) -> None:
    _, said = node_lines(replace(WELL, listeners=LINES[line]))
    assert said == f"10.0.0.1 (aaaaaaaa)  {line}"
