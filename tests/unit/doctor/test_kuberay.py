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
    "KubeRay's field": (
        {f"{WORKERS}|minReplica": 0}, "workerGroupSpecs.0.minReplica: unknown field; known are",
    ),
    "KubeRay's type": ({f"{WORKERS}|replicas": "none"}, "workerGroupSpecs.0.replicas: found 'none'"),
    "KubeRay's value": ({f"{SPEC}|authOptions|mode": "tokn"}, "authOptions.mode: found 'tokn'"),
    "job's field": ({f"{JOB}|spec|entrypoin": "x"}, "RayJob.spec: entrypoin: unknown field"),
    "job without a cluster": (
        {f"{JOB}|spec|clusterSelector": None}, "give either rayClusterSpec or clusterSelector",
    ),
    "version": ({f"{CLUSTER}|apiVersion": "ray.io/v1alpha1"}, "RayCluster.apiVersion: found 'ray.io/v1alpha1'"),
    "kind": ({f"{CLUSTER}|kind": "RayClutser"}, "kind: found 'RayClutser' (did you mean 'RayCluster'?)"),
    "pod's field": (
        {f"{POD}|nodeSelectr": {}}, "template.spec.nodeSelectr: unknown key (did you mean 'nodeSelector'?)",
    ),
    "container's field": (
        {f"{POD}|containers|0|imagePullPolcy": "Always"}, "containers[0].imagePullPolcy: unknown key",
    ),
    "container's type": ({f"{POD}|containers|0|ports": [{"containerPort": "x"}]}, "found 'x'; expected a int"),
    "container without a name": (
        {f"{POD}|containers|0|name": None}, "Invalid value for `name`, must not be `None`; Kubernetes would refuse",
    ),
    "pod without a list": ({f"{POD}|containers": {}}, "template.spec.containers: found {}; expected a list"),
    "claim's field": ({f"{CLAIM}|spec|accessMode": []}, "PersistentVolumeClaim.spec.accessMode: unknown key"),
    "no token": ({f"{SPEC}|authOptions": None}, "authOptions: no token is asked for; set authOptions: {mode: token}"),
    "no autoscaler": ({f"{SPEC}|enableInTreeAutoscaling": False}, "no worker would ever start; set it to true"),
    "open service": (
        {f"{SPEC}|headGroupSpec|serviceType": "LoadBalancer"}, "LoadBalancer opens the head to other networks; set",
    ),
    "ingress": ({f"{SPEC}|headGroupSpec|enableIngress": True}, "the dashboard is published; set it to false"),
    "min above max": (
        {f"{WORKERS}|minReplicas": 3}, "workerGroupSpecs.a100-40gb.minReplicas: 3, more than maxReplicas, 2",
    ),
    "pods that idle": ({f"{WORKERS}|minReplicas": 1}, "1 pods run, and are billed, while nothing runs on them"),
    "no price": (
        {f"{WORKERS}|template|metadata|annotations": {"raydoa/accelerator": "a100"}}, "accelerator 'a100': not in price",
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
