# ruff: noqa: N815 -- the names are Kubernetes'
"""The fields of KubeRay's RayCluster and RayJob, of version ray.io/v1, as far as a user writes them.

Written by hand after the Go types of github.com/ray-project/kuberay (ray-operator/apis/ray/v1), versions around 1.5.1.
Of two stored versions of each type (raycluster_types.go of 026f143 and 3275ee0, rayjob_types.go of 0057210 and f6ef3f7)
it has every field of a spec but RayJob's `deletionPolicy`, which became `deletionStrategy`, and `schedule`; a newer
operator may know more. The custom resources' own OpenAPI schema is inside the operator's manifests, and no Python
package brings it; `kubectl apply --dry-run=server` asks a cluster for it. Kubernetes' own fields (pod templates and the
like) are any mapping here, and checked in `raydoa.doctor.kuberay`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from raydoa.settings import Settings

Kubernetes = dict[str, Any]
Count = Annotated[int, Field(ge=0)]


class AuthOptions(Settings):
    """`authOptions`, since 1.5.1."""

    mode: Literal["disabled", "token"] = "token"
    secretName: str | None = None
    enableK8sTokenAuth: bool | None = None


class AutoscalerOptions(Settings):
    """`autoscalerOptions`."""

    resources: Kubernetes | None = None
    image: str | None = None
    imagePullPolicy: Literal["Always", "IfNotPresent", "Never"] | None = None
    securityContext: Kubernetes | None = None
    idleTimeoutSeconds: Count | None = None
    upscalingMode: Literal["Default", "Aggressive", "Conservative"] | None = None
    version: Literal["v1", "v2"] | None = None
    env: list[Kubernetes] | None = None
    envFrom: list[Kubernetes] | None = None
    volumeMounts: list[Kubernetes] | None = None


class HeadGroup(Settings):
    """`headGroupSpec`."""

    template: Kubernetes
    headService: Kubernetes | None = None
    enableIngress: bool | None = None
    rayStartParams: dict[str, str] = Field(default_factory=dict)
    resources: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    serviceType: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None


class WorkerGroup(Settings):
    """One of `workerGroupSpecs`."""

    groupName: str
    replicas: Count | None = None
    minReplicas: Count = 0
    maxReplicas: Count = 2**31 - 1
    numOfHosts: Count = 1
    idleTimeoutSeconds: Count | None = None
    rayStartParams: dict[str, str] = Field(default_factory=dict)
    resources: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    suspend: bool | None = None
    scaleStrategy: Kubernetes | None = None
    template: Kubernetes


class RayClusterSpec(Settings):
    """`spec` of a RayCluster, and `rayClusterSpec` of a RayJob."""

    authOptions: AuthOptions | None = None
    autoscalerOptions: AutoscalerOptions | None = None
    enableInTreeAutoscaling: bool | None = None
    gcsFaultToleranceOptions: Kubernetes | None = None
    headGroupSpec: HeadGroup
    headServiceAnnotations: dict[str, str] | None = None
    historyServerOptions: Kubernetes | None = None
    managedBy: Literal["ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"] | None = None
    networkPolicy: Kubernetes | None = None
    rayVersion: str | None = None
    suspend: bool | None = None
    tlsOptions: Kubernetes | None = None
    upgradeStrategy: Kubernetes | None = None
    workerGroupSpecs: list[WorkerGroup] = Field(default_factory=list)


class RayJobSpec(Settings):
    """`spec` of a RayJob."""

    activeDeadlineSeconds: Count | None = None
    backoffLimit: Count | None = None
    clusterSelector: dict[str, str] | None = None
    deletionStrategy: Kubernetes | None = None
    entrypoint: str
    entrypointNumCpus: float | None = None
    entrypointNumGpus: float | None = None
    entrypointResources: str | None = None
    jobId: str | None = None
    historyServerOptions: Kubernetes | None = None
    managedBy: Literal["ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"] | None = None
    metadata: dict[str, str] | None = None
    rayClusterSpec: RayClusterSpec | None = None
    runtimeEnvYAML: str | None = None
    shutdownAfterJobFinishes: bool = False
    submissionMode: Literal["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"] | None = (
        None
    )
    submitterConfig: Kubernetes | None = None
    submitterPodTemplate: Kubernetes | None = None
    suspend: bool | None = None
    ttlSecondsAfterFinished: Count | None = None
