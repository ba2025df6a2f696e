"""What a node of a running cluster reports of itself, and what is wrong when the nodes' reports are compared."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from raydoa.doctor.finding import Finding
from raydoa.doctor.listeners import Listener, listening_line, open_ports

# The store's records and S3's signatures carry times; S3 refuses what is 15 minutes off.
MAX_SKEW_SECONDS = 10.0
_PACKAGES_REMEDY = (
    "install the same on every node (clusters/constraints.txt), and restart Ray there"
)


@dataclass(frozen=True)
class NodeFacts:
    """One node's report.

    Attributes:
        node: its address, and the beginning of its id.
        versions: of python, ray, torch, raydoa; None where a package is missing.
        gpus_seen: CUDA devices that torch sees in a fresh process; None without torch.
        gpus_offered: what Ray hands out.
        auth_mode: RAY_AUTH_MODE in the worker's environment.
        token_file: path of the token, if it is in a file.
        token_file_mode: its permission bits.
        listeners: of its Ray, beyond loopback; None if the node does not tell.
        skew_seconds: the node's clock minus the driver's, halfway through the request.
        skew_uncertainty: half of the request's duration, in seconds.
        unwritable: for each shared folder or URL that could not be written, why.
        unseen: for each that could be written, the nodes whose file this node does not see.
    """

    node: str
    versions: Mapping[str, str | None]
    gpus_seen: int | None
    gpus_offered: int
    auth_mode: str | None
    token_file: str | None
    token_file_mode: int | None
    listeners: Sequence[Listener] | None
    skew_seconds: float
    skew_uncertainty: float
    unwritable: Mapping[str, str]
    unseen: Mapping[str, Sequence[str]]


def compare(nodes: Sequence[NodeFacts]) -> Iterator[Finding]:
    """Every finding about these nodes."""
    for package in nodes[0].versions if nodes else ():
        yield from _versions(nodes, package)
    for node in nodes:
        for problem, remedy in (*_gpus(node), *_token(node), *_clock(node), *_storage(node)):
            yield Finding(node.node, problem, remedy)


def node_lines(node: NodeFacts) -> Iterator[str]:
    """A line with the node's versions, GPUs and clock, and one with what listens there."""
    versions = ", ".join(f"{name} {version}" for name, version in node.versions.items())
    yield f"{node.node}  {versions}  {node.gpus_seen} of {node.gpus_offered} GPUs  clock {node.skew_seconds:+.1f} s"
    yield f"{node.node}  {listening_line(node.listeners)}"


def _versions(nodes: Sequence[NodeFacts], package: str) -> Iterator[Finding]:
    ((usual, count),) = Counter(node.versions[package] for node in nodes).most_common(1)
    for node in nodes:
        version = node.versions[package]
        if version is None:
            yield Finding(node.node, f"{package} is not installed", _PACKAGES_REMEDY)
        elif version != usual:
            others = f"and {count} of {len(nodes)} nodes have {usual}"
            yield Finding(node.node, f"{package} {version}, {others}", _PACKAGES_REMEDY)


def _gpus(node: NodeFacts) -> Iterator[tuple[str, str]]:
    if node.gpus_seen is not None and node.gpus_seen != node.gpus_offered:
        yield (
            f"Ray offers {node.gpus_offered} GPUs, and torch sees {node.gpus_seen}",
            "check nvidia-smi, the driver, and that torch is a CUDA build; or correct the resources of the node type",
        )


def _token(node: NodeFacts) -> Iterator[tuple[str, str]]:
    if node.auth_mode != "token":
        yield (
            f"RAY_AUTH_MODE is {node.auth_mode or 'not set'}: whoever reaches its ports can run code",
            "put `export RAY_AUTH_MODE=token &&` before `ray start`",
        )
    else:
        yield from open_ports(node.listeners)
    if node.token_file_mode is not None and node.token_file_mode & 0o077:
        yield (
            f"{node.token_file} has mode {node.token_file_mode:o}: others on the node may read it",
            f"chmod 600 {node.token_file}",
        )


def _clock(node: NodeFacts) -> Iterator[tuple[str, str]]:
    if abs(node.skew_seconds) - node.skew_uncertainty > MAX_SKEW_SECONDS:
        yield (
            f"its clock is {node.skew_seconds:+.0f} s off",
            "start NTP there (timedatectl set-ntp true)",
        )


def _storage(node: NodeFacts) -> Iterator[tuple[str, str]]:
    for url, why in node.unwritable.items():
        yield (
            f"{url} cannot be written: {why}",
            "give this node access, or mount the folder there",
        )
    for url, others in node.unseen.items():
        if others:
            yield (
                f"{url} does not show what {', '.join(others)} wrote",
                "give a folder or URL that all nodes share",
            )
