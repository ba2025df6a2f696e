"""Checks of Kubernetes documents: whether the Ray cluster that they describe is closed, and starts workers on demand.

Fields and types are Kubernetes' and KubeRay's to check: `dry_run_command` asks the API server, which has their schemas.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from raydoa.doctor.any_file import check_counts, check_values
from raydoa.doctor.cluster_file import KubernetesFile
from raydoa.doctor.finding import Finding, as_list, as_mapping, nested
from raydoa.errors import did_you_mean

_API_VERSION = "ray.io/v1"
_KINDS = ["RayCluster", "RayJob"]
_INTERNAL = "ClusterIP"
_FORWARD = "use `kubectl port-forward`"


def check_kuberay(file: KubernetesFile) -> Iterator[Finding]:
    """Every check of this module."""
    if not any(document["kind"] in _KINDS for document in file.documents):
        yield Finding("kind", "neither a RayCluster nor a RayJob", "see clusters/kuberay.yaml")
    for document in file.documents:
        kind = str(document["kind"])
        for finding in check_values(document):
            yield replace(finding, location=f"{kind}.{finding.location}")
        yield from _identity(kind, str(document["apiVersion"]))
        yield from _published(kind, document)
    for job in file.of_kind("RayJob"):
        if (nested(job, "spec", "rayClusterSpec") is None) == (
            nested(job, "spec", "clusterSelector") is None
        ):
            yield Finding(
                "RayJob.spec",
                "a job runs on a cluster of its own or on a running one",
                "give either rayClusterSpec or clusterSelector",
            )
    for location, spec in cluster_specs(file):
        yield from _closed(spec, location)
        for path, group in pod_groups(spec):
            minimum, maximum = group.get("minReplicas", 0), group.get("maxReplicas")
            yield from check_counts(f"{location}.{path}", "Replicas", minimum, maximum, unit="pods")


def dry_run_command(file: KubernetesFile) -> str:
    """The command that validates fields and types against the schemas of the user's own cluster."""
    # `kubectl apply` refuses documents without a name.
    generated = any(nested(document, "metadata", "generateName") for document in file.documents)
    return f"kubectl {'create' if generated else 'apply'} --dry-run=server -f {file.path}"


def cluster_specs(file: KubernetesFile) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each Ray cluster in the file, with its location."""
    for document in file.of_kind("RayCluster"):
        yield "RayCluster.spec", as_mapping(document.get("spec"))
    for document in file.of_kind("RayJob"):
        spec = nested(document, "spec", "rayClusterSpec")
        if spec is not None:
            yield "RayJob.spec.rayClusterSpec", as_mapping(spec)


def pod_groups(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The head and each worker group of a cluster, with their paths inside its spec."""
    yield "headGroupSpec", as_mapping(spec.get("headGroupSpec"))
    for index, group in enumerate(as_list(spec.get("workerGroupSpecs"))):
        name = as_mapping(group).get("groupName", index)
        yield f"workerGroupSpecs.{name}", as_mapping(group)


def _identity(kind: str, api_version: str) -> Iterator[Finding]:
    """A document of Ray that nobody else here would look at."""
    of_ray = api_version.startswith("ray.io/")
    if of_ray and kind not in _KINDS:
        yield Finding(
            "kind",
            f"found {kind!r}{did_you_mean(kind, _KINDS)}",
            f"raydoa runs on {' and '.join(_KINDS)}",
        )
    elif kind in _KINDS and api_version != _API_VERSION:
        yield Finding(f"{kind}.apiVersion", f"found {api_version!r}", f"expected {_API_VERSION}")


def _published(kind: str, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Whatever else in the file opens a way in from other networks."""
    service_type = nested(document, "spec", "type") if kind == "Service" else None
    if kind.endswith(("Ingress", "Route")) or service_type in ("NodePort", "LoadBalancer"):
        yield Finding(kind, "opens a port to other networks", f"remove it, and {_FORWARD}")


def _closed(cluster: Mapping[str, Any], location: str) -> Iterator[Finding]:
    if nested(cluster, "authOptions", "mode") != "token":
        yield Finding(
            f"{location}.authOptions", "no token is asked for", "set authOptions: {mode: token}"
        )
    if not cluster.get("enableInTreeAutoscaling"):
        yield Finding(
            f"{location}.enableInTreeAutoscaling", "no worker would ever start", "set it to true"
        )
    head = as_mapping(cluster.get("headGroupSpec"))
    service_types = {
        "serviceType": head.get("serviceType"),
        "headService.spec.type": nested(head, "headService", "spec", "type"),
    }
    for field, service_type in service_types.items():
        if service_type not in (None, _INTERNAL):
            yield Finding(
                f"{location}.headGroupSpec.{field}",
                f"{service_type} opens the head to other networks",
                f"set {_INTERNAL}, and {_FORWARD}",
            )
    if head.get("enableIngress"):
        yield Finding(
            f"{location}.headGroupSpec.enableIngress",
            "the dashboard is published",
            f"set it to false, and {_FORWARD}",
        )
