"""What is wrong when the nodes' answers are put side by side."""

from dataclasses import replace
from typing import Any

import pytest

from raydoa.doctor.node_facts import NodeFacts, compare, node_line

WELL = NodeFacts(
    node="10.0.0.1 (aaaaaaaa)",
    versions={"python": "3.11.9", "ray": "2.60.0", "torch": "2.13.0", "raydoa": "0.1.0 (code 1)"},
    gpus_seen=8,
    gpus_offered=8,
    auth_mode="token",
    token_file="/home/ubuntu/.ray/auth_token",
    token_file_mode=0o600,
    skew_seconds=0.2,
    skew_uncertainty=0.1,
    unwritable={},
    unseen={"s3://b/store": []},
)
OTHER = replace(WELL, node="10.0.0.2 (bbbbbbbb)")
THIRD = replace(WELL, node="10.0.0.3 (cccccccc)")


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
    assert list(compare([WELL, secret, slow])) == []
    assert node_line(slow).endswith("8 of 8 GPUs  clock +12.0 s")
