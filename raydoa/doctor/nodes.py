"""What the nodes of a cluster file cost by the hour, and which teachers they train.

Findings: a machine without a price, resources that the machine does not have, two kinds of GPU that may both start
(a task asks for a GPU, not for a kind), a teacher that fits on none of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from raydoa.costs.book_files import open_book
from raydoa.costs.machines import Gpus, machine_book
from raydoa.costs.prices import Sourced
from raydoa.doctor.cluster_file import KubernetesFile, LauncherFile, NodeType
from raydoa.doctor.finding import Finding, as_list, nested
from raydoa.doctor.kuberay import cluster_specs, pod_groups
from raydoa.errors import UserError
from raydoa.models.lookup import known_checkpoints, known_shape
from raydoa.models.model_shape import ModelShape

_GPU = "nvidia.com/gpu"
_ACCELERATOR = "raydoa/accelerator"


@dataclass(frozen=True)
class NodeGroup:
    """Nodes of one kind: the machine, how many may run, and what an hour of one costs."""

    name: str
    machine: str
    price: Sourced
    disk_usd: float
    is_spot: bool
    minimum: int
    maximum: int
    gpu: Gpus | None

    @property
    def usd_per_hour(self) -> float:
        """Dollars for an hour of one node, on demand."""
        return self.price.value + self.disk_usd


def node_groups(file: LauncherFile | KubernetesFile) -> tuple[list[NodeGroup], list[Finding]]:
    """The priced groups of the file, and a finding for each that cannot be priced or lists other GPUs than it has."""
    results = list(_of_kuberay(file) if isinstance(file, KubernetesFile) else _of_launcher(file))
    return (
        [result for result in results if isinstance(result, NodeGroup)],
        [result for result in results if isinstance(result, Finding)],
    )


def needed_memory(shape: ModelShape, gpus: int) -> float:
    """Bytes of each GPU of a node that fine-tunes ``shape`` on all its ``gpus``, and labels with one actor on each."""
    return max(shape.training_bytes(gpus), shape.labelling_bytes())


def largest_teachers(gpus: int, bytes_each: float) -> list[str]:
    """The largest model of each family that a node with ``gpus`` GPUs of ``bytes_each`` fine-tunes and labels with.

    Of those whose size is known by their name; the largest comes first.
    """
    by_size = sorted(known_checkpoints().items(), key=lambda item: item[1].parameters, reverse=True)
    largest: dict[str, str] = {}
    for name, shape in by_size:
        if needed_memory(shape, gpus) <= bytes_each:
            largest.setdefault(shape.family, name)
    return list(largest.values())


def check_nodes(groups: Sequence[NodeGroup], teacher: str | None) -> Iterator[Finding]:
    """Two kinds of GPU that may start, and the memory of a teacher whose size is known by its name."""
    starting = {group.name: group.gpu for group in groups if group.gpu and group.maximum > 0}
    kinds = sorted({gpu.name for gpu in starting.values()})
    if len(kinds) > 1:
        yield Finding(
            "max_workers",
            f"{' and '.join(kinds)} may both start, and a task asks for either",
            "set the maximum of all but one kind to 0",
        )
    if teacher is None or not starting:
        return
    shape = known_shape(teacher)
    assert shape is not None, "the command line takes no other"
    if not any(_fits(shape, gpu) for gpu in starting.values()):
        name, gpu = max(starting.items(), key=lambda item: item[1].count * item[1].memory_gib)
        need = needed_memory(shape, gpu.count) / 1e9
        yield Finding(
            name,
            f"{teacher} needs {need:.1f} GB on each of {_describe(gpu)}",
            "let larger nodes start, or choose a smaller teacher",
        )


def node_lines(groups: Sequence[NodeGroup]) -> Iterator[str]:
    """One line a group: dollars per hour, counts, GPUs, the largest teachers; then the totals and their sources."""
    for group in groups:
        market, at_most = ("spot", "at most ") if group.is_spot else ("on demand", "")
        price = f"{at_most}${group.usd_per_hour:,.3f}/h"
        counts = f"{group.minimum} to {group.maximum}"
        line = f"{group.name}  {group.machine}  {market}  {price}  {counts}"
        if group.gpu is not None:
            largest = largest_teachers(group.gpu.count, group.gpu.memory_gib * 2**30)
            line += (
                f"  {_describe(group.gpu)}, trains up to {', '.join(largest) or 'no known teacher'}"
            )
        yield line
    idle = sum(group.usd_per_hour * group.minimum for group in groups)
    busy = sum(group.usd_per_hour * group.maximum for group in groups)
    yield f"idle ${idle:,.3f}/h, at most ${busy:,.2f}/h, by these prices:"
    for source in dict.fromkeys(f"{group.price.source} ({group.price.date})" for group in groups):
        yield f"  {source}"


def _of_launcher(file: LauncherFile) -> Iterator[NodeGroup | Finding]:
    book, cloud = machine_book(), file.provider_type
    for node_type in file.node_types():
        name = str(node_type.node_config.get("InstanceType" if cloud == "aws" else "machineType"))
        try:
            price, machine = book.hourly(name), book.machine(name)
        except UserError as error:
            yield Finding(node_type.location, str(error), "its cost is unknown until then")
            continue
        if machine.cloud != cloud:
            yield Finding(
                node_type.location,
                f"{name} is a machine of {machine.cloud}",
                f"choose one of {cloud}",
            )
            continue
        requested = nested(node_type.settings, "resources", "GPU") or 0
        available = machine.gpu.count if machine.gpu else 0
        if requested != available:
            yield Finding(
                f"{node_type.location}.resources.GPU",
                f"found {requested}, and {name} has {available}",
                f"set it to {available}",
            )
        # The file's own maximum holds for all types together, so for each.
        of_all = file.config.get("max_workers", 0)
        maximum = min(_count(node_type.settings.get("max_workers", of_all)), _count(of_all))
        yield NodeGroup(
            name=node_type.name,
            machine=name,
            price=price,
            disk_usd=_disks(node_type),
            is_spot=node_type.is_spot,
            minimum=1 if node_type.is_head else _count(node_type.settings.get("min_workers", 0)),
            maximum=1 if node_type.is_head else maximum,
            gpu=machine.gpu,
        )


def _count(value: Any) -> int:
    """A whole number, which Kubernetes takes in quotes as well; 0 for what its schema's owner refuses."""
    return int(value) if isinstance(value, int) or str(value).isdecimal() else 0


def _disks(node_type: NodeType) -> float:
    """Dollars for an hour of EC2's disks, as far as their price is known."""
    dollars = 0.0
    for disk in as_list(node_type.node_config.get("BlockDeviceMappings")):
        kind, size = nested(disk, "Ebs", "VolumeType"), nested(disk, "Ebs", "VolumeSize")
        if isinstance(size, int):
            dollars += machine_book().disk_hourly_usd(str(kind), size) or 0.0
    return dollars


def _of_kuberay(file: KubernetesFile) -> Iterator[NodeGroup | Finding]:
    """Groups of pods with GPUs; a pod without is priced by whoever owns the Kubernetes nodes."""
    book = open_book(machine_book().priced_by)
    for location, spec in cluster_specs(file):
        for path, group in pod_groups(spec):
            containers = as_list(nested(group, "template", "spec", "containers"))
            count = sum(_count(nested(pod, "resources", "limits", _GPU)) for pod in containers)
            if not count:
                continue
            name = str(nested(group, "template", "metadata", "annotations", _ACCELERATOR))
            try:
                accelerator = book.accelerator(name)
            except UserError as error:
                annotations = f"{location}.{path}.template.metadata.annotations"
                yield Finding(annotations, str(error), f"set {_ACCELERATOR}")
                continue
            price = accelerator.usd_per_gpu_hour
            # The head is one pod for as long as there is a cluster; it has no replicas to count.
            one = {"minReplicas": 1, "maxReplicas": 1} if path == "headGroupSpec" else group
            yield NodeGroup(
                name=path.removeprefix("workerGroupSpecs."),
                machine=f"{count} x {name}",
                price=price.model_copy(update={"value": price.value * count}),
                disk_usd=0.0,
                is_spot=False,
                minimum=_count(one.get("minReplicas", 0)),
                maximum=_count(one.get("maxReplicas", 0)),
                gpu=Gpus(name=name, count=count, memory_gib=accelerator.memory_gib.value),
            )


def _fits(shape: ModelShape, gpu: Gpus) -> bool:
    return needed_memory(shape, gpu.count) <= gpu.memory_gib * 2**30


def _describe(gpu: Gpus) -> str:
    return f"{gpu.count} x {gpu.name} ({gpu.memory_gib * 2**30 / 1e9:.1f} GB each)"
