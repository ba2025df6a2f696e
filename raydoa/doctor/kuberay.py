"""Checks of Kubernetes documents: KubeRay's fields, Kubernetes' own, and whether the cluster is closed."""

from collections.abc import Iterator, Mapping
from typing import Any

from raydoa.doctor.cluster_file import KubernetesFile
from raydoa.doctor.finding import Finding, inside, listed
from raydoa.doctor.kuberay_schema import RayClusterSpec, RayJobSpec
from raydoa.doctor.kubernetes_types import client_is_there, conforms
from raydoa.doctor.launcher_checks import check_values
from raydoa.errors import UserError, did_you_mean
from raydoa.settings import Settings, parse

_SPECS: Mapping[str, type[Settings]] = {"RayCluster": RayClusterSpec, "RayJob": RayJobSpec}
_VERSION = "ray.io/v1"
_BUILT_IN = {
    "PersistentVolumeClaim",
    "NetworkPolicy",
    "Namespace",
    "ConfigMap",
    "Service",
    "ServiceAccount",
}


def check_kuberay(file: KubernetesFile) -> Iterator[Finding]:
    """Every check of this room."""
    if not any(file.of_kind("RayCluster")) and not any(file.of_kind("RayJob")):
        yield Finding("kind", "neither a RayCluster nor a RayJob", "see clusters/kuberay.yaml")
    has_client = client_is_there()
    if not has_client:
        yield Finding(
            "template",
            "pod templates cannot be checked without Kubernetes' client",
            "pip install 'raydoa[kuberay]'",
        )
    for document in file.documents:
        kind = str(document["kind"])
        yield from (
            (Finding(f"{kind}.{one.place}", one.problem, one.remedy))
            for one in check_values(document, "kuberay")
        )
        if kind in _SPECS:
            yield from _ray(document, kind, has_client)
        elif kind in _BUILT_IN:
            if has_client:
                yield from conforms(document, f"V1{kind}", kind)
        else:
            known = sorted([*_SPECS, *_BUILT_IN])
            yield Finding(
                "kind",
                f"found {kind!r}{did_you_mean(kind, known)}",
                f"raydoa checks {', '.join(known)}",
            )


def cluster_specs(file: KubernetesFile) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each cluster that the file describes, with its place."""
    for document in file.of_kind("RayCluster"):
        yield "RayCluster.spec", _mapping(document.get("spec"))
    for document in file.of_kind("RayJob"):
        inside = _mapping(document.get("spec")).get("rayClusterSpec")
        if inside is not None:
            yield "RayJob.spec.rayClusterSpec", _mapping(inside)


def groups(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The head and each worker group of a cluster, with their places inside it."""
    yield "headGroupSpec", _mapping(spec.get("headGroupSpec"))
    for index, group in enumerate(listed(spec.get("workerGroupSpecs"))):
        name = _mapping(group).get("groupName", index)
        yield f"workerGroupSpecs.{name}", _mapping(group)


def _ray(document: Mapping[str, Any], kind: str, has_client: bool) -> Iterator[Finding]:
    if document["apiVersion"] != _VERSION:
        yield Finding(
            f"{kind}.apiVersion", f"found {document['apiVersion']!r}", f"expected {_VERSION}"
        )
    spec = _mapping(document.get("spec"))
    try:
        parse(spec, _SPECS[kind], where=f"{kind}.spec")
    except UserError as mistake:
        yield Finding(
            f"{kind}.spec",
            str(mistake).removeprefix(f"{kind}.spec: "),
            "mend it; kubectl would refuse it too",
        )
    if kind == "RayJob":
        if (spec.get("rayClusterSpec") is None) == (spec.get("clusterSelector") is None):
            yield Finding(
                "RayJob.spec", "a job runs on a cluster of its own or on one that is there",
                "give either rayClusterSpec or clusterSelector",
            )  # fmt: skip
        if spec.get("rayClusterSpec") is None:
            return
        place, cluster = "RayJob.spec.rayClusterSpec", _mapping(spec.get("rayClusterSpec"))
    else:
        place, cluster = "RayCluster.spec", spec
    yield from _closed(cluster, place)
    for at, group in groups(cluster):
        yield from _group(group, f"{place}.{at}", has_client)


def _closed(cluster: Mapping[str, Any], place: str) -> Iterator[Finding]:
    if inside(cluster, "authOptions", "mode") != "token":
        yield Finding(
            f"{place}.authOptions", "no token is asked for", "set authOptions: {mode: token}"
        )
    if not cluster.get("enableInTreeAutoscaling"):
        yield Finding(
            f"{place}.enableInTreeAutoscaling", "no worker would ever start", "set it to true"
        )
    head = _mapping(cluster.get("headGroupSpec"))
    forward = "and use `kubectl port-forward`"
    if head.get("serviceType", "ClusterIP") != "ClusterIP":
        yield Finding(
            f"{place}.headGroupSpec.serviceType",
            f"{head['serviceType']} opens the head to other networks",
            f"set ClusterIP, {forward}",
        )
    if head.get("enableIngress"):
        yield Finding(
            f"{place}.headGroupSpec.enableIngress",
            "the dashboard is published",
            f"set it to false, {forward}",
        )


def _group(group: Mapping[str, Any], place: str, has_client: bool) -> Iterator[Finding]:
    least, most = group.get("minReplicas", 0), group.get("maxReplicas", 0)
    if "groupName" in group and isinstance(least, int) and isinstance(most, int):
        if least > most:
            yield Finding(
                f"{place}.minReplicas",
                f"{least}, more than maxReplicas, {most}",
                "lower the one or raise the other",
            )
        if least > 0:
            yield Finding(
                f"{place}.minReplicas",
                f"{least} pods run, and are billed, while nothing runs on them",
                "set 0: the autoscaler starts them",
            )
    if has_client and "template" in group:
        yield from conforms(group["template"], "V1PodTemplateSpec", f"{place}.template")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
