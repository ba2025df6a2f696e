"""What the nodes of a cluster file cost by the hour, and which teachers they train.

Findings: a machine without a price, resources that the machine does not have, two kinds of GPU that may both start
(a task asks for a GPU, not for a kind), a teacher that fits on none of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from raydoa.costs.machines import Gpus, machine_book
from raydoa.costs.prices import Sourced, open_book
from raydoa.doctor.cluster_file import KubernetesFile, LauncherFile, NodeType
from raydoa.doctor.finding import Finding, inside, listed
from raydoa.doctor.kuberay import cluster_specs, groups
from raydoa.errors import UserError
from raydoa.models.memory import largest_teacher, needed_memory
from raydoa.models.shapes import T5_SHAPES

_GPU = "nvidia.com/gpu"
_ACCELERATOR = "raydoa/accelerator"


@dataclass(frozen=True)
class Rented:
    """One kind of node: what it is, how many may run, what an hour of one costs."""

    place: str
    machine: str
    price: Sourced
    disk_usd: float
    spot: bool
    least: int
    most: int
    gpu: Gpus | None

    @property
    def usd(self) -> float:
        """Dollars for an hour of one, on demand."""
        return self.price.value + self.disk_usd


def rented_nodes(file: LauncherFile | KubernetesFile) -> tuple[list[Rented], list[Finding]]:
    """The nodes of the file, and those of which something is not known."""
    found = list(_of_kuberay(file) if isinstance(file, KubernetesFile) else _of_launcher(file))
    return (
        [one for one in found if isinstance(one, Rented)],
        [one for one in found if isinstance(one, Finding)],
    )


def check_nodes(nodes: Sequence[Rented], teacher: str | None) -> Iterator[Finding]:
    """Two kinds of GPU that may start, and the teacher's memory."""
    starting = [node for node in nodes if node.gpu is not None and node.most > 0]
    kinds = sorted({node.gpu.name for node in starting if node.gpu})
    if len(kinds) > 1:
        yield Finding(
            "max_workers", f"{' and '.join(kinds)} may both start, and a task asks for either",
            "set the most of all but one kind to 0",
        )  # fmt: skip
    if teacher is not None and starting and not any(_fits(node, teacher) for node in starting):
        node = max(starting, key=lambda one: one.gpu.count * one.gpu.memory_gib if one.gpu else 0)
        assert node.gpu is not None
        need = needed_memory(T5_SHAPES[teacher], node.gpu.count) / 1e9
        yield Finding(
            node.place, f"{teacher} needs {need:.1f} GB on each of {_of(node.gpu)}",
            "let larger nodes start, or take a smaller teacher",
        )  # fmt: skip


def node_lines(nodes: Sequence[Rented]) -> Iterator[str]:
    """The table: dollars per hour, counts, GPUs, the largest teacher; then the sources."""
    for node in nodes:
        market, at_most = ("spot", "at most ") if node.spot else ("on demand", "")
        line = f"{node.place}  {node.machine}  {market}  {at_most}${node.usd:,.3f}/h  {node.least} to {node.most}"
        if node.gpu is not None:
            largest = largest_teacher(node.gpu.count, node.gpu.memory_gib * 2**30)
            line += f"  {_of(node.gpu)}, trains up to {largest or 'no T5'}"
        yield line
    least = sum(node.usd * node.least for node in nodes)
    most = sum(node.usd * node.most for node in nodes)
    yield f"idle ${least:,.3f}/h, at most ${most:,.2f}/h, by these prices:"
    for source in dict.fromkeys(f"{node.price.source} ({node.price.date})" for node in nodes):
        yield f"  {source}"


def _of_launcher(file: LauncherFile) -> Iterator[Rented | Finding]:
    book, kind = machine_book(), file.provider["type"]
    for node_type in file.node_types():
        config = node_type.node_config
        machine = str(config.get("InstanceType" if kind == "aws" else "machineType"))
        try:
            price, known = book.hourly(machine), book.machine(machine)
        except UserError as mistake:
            yield Finding(node_type.place, str(mistake), "until then nobody knows what it costs")
            continue
        if known.cloud != kind:
            yield Finding(
                node_type.place,
                f"{machine} is a machine of {known.cloud}",
                "take one of this cloud",
            )
            continue
        asked = inside(node_type.settings, "resources", "GPU") or 0
        there = known.gpu.count if known.gpu else 0
        if asked != there:
            yield Finding(
                f"{node_type.place}.resources.GPU",
                f"found {asked}, and {machine} has {there}",
                f"set it to {there}",
            )
        yield Rented(
            place=node_type.name,
            machine=machine,
            price=price,
            disk_usd=_disks(node_type, kind),
            spot=_spot(node_type),
            least=1 if node_type.is_head else _count(node_type.settings.get("min_workers", 0)),
            most=1 if node_type.is_head else _most(node_type, file.config.get("max_workers", 0)),
            gpu=known.gpu,
        )


def _most(node_type: NodeType, of_all: Any) -> int:
    """The file's own limit holds for all types together, so for each."""
    return min(_count(node_type.settings.get("max_workers", of_all)), _count(of_all))


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _disks(node_type: NodeType, kind: str) -> float:
    """Dollars for an hour of the disks, as far as their price is known."""
    if kind != "aws":
        return 0.0
    book = machine_book()
    costs = [
        book.disk_hourly_usd(
            str(inside(disk, "Ebs", "VolumeType")), inside(disk, "Ebs", "VolumeSize")
        )
        for disk in listed(node_type.node_config.get("BlockDeviceMappings"))
        if isinstance(inside(disk, "Ebs", "VolumeSize"), int)
    ]
    return sum(cost for cost in costs if cost is not None)


def _spot(node_type: NodeType) -> bool:
    config = node_type.node_config
    return "spot" in (
        inside(config, "InstanceMarketOptions", "MarketType"),
        str(inside(config, "scheduling", "provisioningModel")).lower(),
    )


def _of_kuberay(file: KubernetesFile) -> Iterator[Rented | Finding]:
    """Groups of pods with GPUs; a pod without is priced by whoever owns the Kubernetes nodes."""
    for place, spec in cluster_specs(file):
        for at, group in groups(spec):
            containers = listed(inside(group, "template", "spec", "containers"))
            count = sum(_count(inside(one, "resources", "limits", _GPU)) for one in containers)
            if not count:
                continue
            name = inside(group, "template", "metadata", "annotations", _ACCELERATOR)
            book = open_book(machine_book().priced_by)
            try:
                accelerator = book.accelerator(str(name))
            except UserError as mistake:
                yield Finding(
                    f"{place}.{at}.template.metadata.annotations",
                    str(mistake),
                    f"set {_ACCELERATOR}",
                )
                continue
            hour = accelerator.usd_per_gpu_hour
            yield Rented(
                place=at.removeprefix("workerGroupSpecs."),
                machine=f"{count} x {name}",
                price=hour.model_copy(update={"value": hour.value * count}),
                disk_usd=0.0,
                spot=False,
                least=_count(group.get("minReplicas", 0)),
                most=_count(group.get("maxReplicas", 0)),
                gpu=Gpus(name=str(name), count=count, memory_gib=accelerator.memory_gib.value),
            )


def _fits(node: Rented, teacher: str) -> bool:
    assert node.gpu is not None
    return needed_memory(T5_SHAPES[teacher], node.gpu.count) <= node.gpu.memory_gib * 2**30


def _of(gpu: Gpus) -> str:
    return f"{gpu.count} x {gpu.name} ({gpu.memory_gib * 2**30 / 1e9:.1f} GB each)"
