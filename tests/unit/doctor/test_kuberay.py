"""The offline doctor on Kubernetes documents."""

from pathlib import Path

import pytest

from raydoa.cli import main
from tests.unit.doctor.conftest import Examine, merged

CLUSTER, JOB, CLAIM = "2", "3", "0"
SPEC = f"{CLUSTER}|spec"
WORKERS = f"{SPEC}|workerGroupSpecs|0"
POD = f"{WORKERS}|template|spec"
KUBERAY = {
    "KubeRay's value": ({f"{SPEC}|authOptions|mode": "tokn"}, "authOptions: no token is asked for; set authOptions"),
    "job without a cluster": (
        {f"{JOB}|spec|clusterSelector": None}, "give either rayClusterSpec or clusterSelector",
    ),
    "version": ({f"{CLUSTER}|apiVersion": "ray.io/v1alpha1"}, "RayCluster.apiVersion: found 'ray.io/v1alpha1'"),
    "kind": ({f"{CLUSTER}|kind": "RayClutser"}, "kind: found 'RayClutser' (did you mean 'RayCluster'?)"),
    "no token": ({f"{SPEC}|authOptions": None}, "authOptions: no token is asked for; set authOptions: {mode: token}"),
    "no autoscaler": ({f"{SPEC}|enableInTreeAutoscaling": False}, "no worker would ever start; set it to true"),
    "open service": (
        {f"{SPEC}|headGroupSpec|serviceType": "LoadBalancer"}, "LoadBalancer opens the head to other networks; set",
    ),
    "open service of one's own": (
        {f"{SPEC}|headGroupSpec|headService": {"spec": {"type": "NodePort"}}},
        "headService.spec.type: NodePort opens the head to other networks; set",
    ),
    "another service": (
        {CLAIM: {"apiVersion": "v1", "kind": "Service", "spec": {"type": "LoadBalancer"}}},
        "Service: opens a port to other networks; remove it",
    ),
    "another ingress": (
        {CLAIM: {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}}, "Ingress: opens a port to other networks",
    ),
    "ingress": ({f"{SPEC}|headGroupSpec|enableIngress": True}, "the dashboard is published; set it to false"),
    "min above max": (
        {f"{WORKERS}|minReplicas": 3}, "workerGroupSpecs.a100-40gb.minReplicas: 3, more than maxReplicas, 2",
    ),
    "pods that idle": ({f"{WORKERS}|minReplicas": 1}, "1 pods run, and are billed, while idle; set 0"),
    "no price": (
        {f"{WORKERS}|template|metadata|annotations": {"raydoa/accelerator": "a100"}}, "accelerator 'a100': not in price",
    ),
    "a quantity in quotes": (
        {
            f"{POD}|containers|0|resources|limits|nvidia.com/gpu": "8",
            f"{WORKERS}|template|metadata|annotations": {"raydoa/accelerator": "a100"},
        },
        "accelerator 'a100': not in price",
    ),
    "two kinds of GPU": (
        {f"{SPEC}|workerGroupSpecs|2|maxReplicas": 1}, "a100-40gb and h100-80gb may both start",
    ),
    "secret": (
        {f"{POD}|containers|0|env": [{"name": "KEY", "value": "AKIAABCDEFGHIJKLMNOP"}]}, "env[0].value: a secret in",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KUBERAY)
def test_every_check(examine: Examine, case: str) -> None:
    changes, expected = KUBERAY[case]
    code, lines = examine("kuberay", merged(changes))
    assert code == 1 and any(expected in line for line in lines), lines


def test_a_job_that_brings_its_cluster_is_checked_as_one(examine: Examine) -> None:
    def bring(documents: list[dict[str, dict[str, object]]]) -> None:
        cluster = documents.pop(2)
        del documents[2]["spec"]["clusterSelector"]
        documents[2]["spec"]["rayClusterSpec"] = {
            **cluster["spec"],
            "authOptions": {"mode": "disabled"},
        }

    assert examine("kuberay", bring) == (
        1,
        [
            "RayJob.spec.rayClusterSpec.authOptions: no token is asked for; set authOptions: {mode: token}"
        ],
    )


def test_documents_without_ray(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "k.yaml"
    path.write_text("{apiVersion: v1, kind: Namespace, metadata: {name: x}}")
    assert main(["doctor", str(path)]) == 1
    assert "neither a RayCluster nor a RayJob; see clusters/kuberay.yaml" in capsys.readouterr().out


def test_the_dry_run_that_checks_the_fields(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fields and types are for the API server; `kubectl apply` takes no document without a name."""
    path = tmp_path / "k.yaml"
    for name, verb in (("name", "apply"), ("generateName", "create")):
        path.write_text(f"{{apiVersion: ray.io/v1, kind: RayCluster, metadata: {{{name}: x}}}}")
        main(["doctor", str(path)])
        (line,) = [
            line
            for line in capsys.readouterr().out.splitlines()
            if line.startswith("not checked: Kubernetes' and KubeRay's own fields")
        ]
        assert line.endswith(f"run kubectl {verb} --dry-run=server -f {path}")


@pytest.mark.parametrize(
    "changes",
    [
        {f"{POD}|containers": {}},
        {f"{POD}|containers|0": "x"},
        {f"{SPEC}|workerGroupSpecs": "none"},
        {f"{WORKERS}|minReplicas": "none"},
        {f"{SPEC}|headGroupSpec": None},
        {f"{CLUSTER}|spec": []},
    ],
)
def test_malformed_fields_crash_nothing(examine: Examine, changes: dict[str, object]) -> None:
    code, lines = examine("kuberay", merged(changes))
    assert code in (0, 1) and lines
