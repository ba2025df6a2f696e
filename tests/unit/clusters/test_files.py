"""What the files of clusters/ have in common: one stack, pinned; and Google's set-up step, with a gcloud that only listens."""

import os
import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from raydoa.doctor.cluster_file import read_cluster_file
from raydoa.doctor.nodes import node_groups
from tests.unit.clusters.conftest import CLUSTERS

# Writes its arguments down; finds nothing that `describe` asks for, except for what comes at the end.
GCLOUD = """#!/usr/bin/env bash
echo "$@" >> "$CALLS"
case "$*" in
  *"filestore instances describe"*--format*) echo 10.0.0.2 ;;
  *"images list"*) echo https://www.googleapis.com/compute/v1/projects/deeplearning-platform-release/global/images/i ;;
  *describe*) exit 1 ;;
esac
"""


def pins() -> dict[str, str]:
    lines = (CLUSTERS / "constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def needed() -> list[Requirement]:
    project = tomllib.loads((CLUSTERS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [
        Requirement(line) for line in [*project["dependencies"], *extras["aws"], *extras["gcp"]]
    ]


@pytest.mark.parametrize("requirement", needed(), ids=lambda requirement: requirement.name)
def test_every_dependency_is_pinned_inside_its_range(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[requirement.name])


def test_the_tests_run_with_the_ray_that_clusters_get() -> None:
    ray = pins()["ray"]
    assert version("ray") == ray
    assert f"rayproject/ray:{ray}-py311-gpu" in (CLUSTERS / "Dockerfile").read_text("utf-8")
    documents = yaml.safe_load_all((CLUSTERS / "kuberay.yaml").read_text("utf-8"))
    assert (
        next(document for document in documents if document["kind"] == "RayCluster")["spec"][
            "rayVersion"
        ]
        == ray
    )


@pytest.mark.parametrize("name", ["aws.yaml", "gcp.yaml"])
def test_every_node_installs_this_checkout_with_the_pins(name: str) -> None:
    config = yaml.safe_load((CLUSTERS / name).read_text("utf-8"))
    assert {"raydoa", "sweeps", "clusters", "pyproject.toml"} <= set(config["file_mounts"].values())
    (install,) = [command for command in config["setup_commands"] if "pip install" in command]
    assert (
        "-c ~/raydoa/clusters/constraints.txt" in install
        and f'"$HOME/raydoa[{name[:3]}]"' in install
    )


def gcp_setup(
    tmp_path: Path, **settings: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    gcloud = tmp_path / "bin" / "gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text(GCLOUD)
    gcloud.chmod(0o755)
    calls = tmp_path / "calls"
    calls.touch()
    completed = subprocess.run(
        [str(CLUSTERS / "gcp_setup.sh")],
        env={"PATH": f"{gcloud.parent}:{os.environ['PATH']}", "CALLS": str(calls), **settings},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return completed, calls.read_text("utf-8").splitlines()


def test_google_set_up(tmp_path: Path) -> None:
    completed, calls = gcp_setup(
        tmp_path, PROJECT="my-project", BUCKET="b", SSH_CIDR="203.0.113.7/32", REGION="us-east4"
    )
    assert completed.returncode == 0, completed.stderr
    assert not re.search(r"<[A-Z_]+>", completed.stdout)
    config = yaml.safe_load(completed.stdout)
    assert config["provider"]["availability_zone"] == "us-east4-a"
    assert (
        "10.0.0.2:/raydoa" in " ".join(config["setup_commands"])
        and "us-central1" not in completed.stdout
    )
    rules = [call for call in calls if "firewall-rules create" in call]
    assert len(rules) == 2
    assert (
        "--allow=tcp:22 --source-ranges=203.0.113.7/32" in rules[1]
        and "--source-tags=raydoa" in rules[0]
    )
    granted = [call for call in calls if "add-iam-policy-binding" in call]
    assert sorted(re.findall(r"--role=(\S+)", " ".join(granted))) == [
        "roles/compute.instanceAdmin.v1", "roles/iam.serviceAccountUser", "roles/storage.objectUser", "roles/storage.objectUser",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "SSH_CIDR: say who may reach the head by SSH"),
        ({"SSH_CIDR": "0.0.0.0/0"}, "SSH_CIDR: found 0.0.0.0/0; give your own addresses"),
        (
            {"SSH_CIDR": "0.0.0.0/0,203.0.113.7/32"},
            "SSH_CIDR: found 0.0.0.0/0,203.0.113.7/32; give",
        ),
        ({"SSH_CIDR": "10.0.0.0/8"}, "SSH_CIDR: found 10.0.0.0/8; give your own addresses"),
    ],
)
def test_google_set_up_asks_for_a_network(
    tmp_path: Path, settings: dict[str, str], expected: str
) -> None:
    completed, calls = gcp_setup(tmp_path, PROJECT="p", BUCKET="b", **settings)
    assert completed.returncode != 0 and expected in completed.stderr and completed.stdout == ""
    assert calls == []


@pytest.mark.parametrize("name", ["aws", "gcp", "kuberay"])
def test_the_pages_quote_the_doctor_s_prices(name: str) -> None:
    groups, unpriced = node_groups(read_cluster_file(CLUSTERS / f"{name}.yaml"))
    page = (CLUSTERS / f"{name}.md").read_text("utf-8")
    assert not unpriced and len(groups) >= 3
    for group in groups:
        assert f"${group.usd_per_hour:.2f}" in page, group
    if name != "kuberay":
        assert f"${sum(group.usd_per_hour * group.maximum for group in groups):.2f}" in page
