"""The ports that Ray's processes on a node open to other machines: a line that lists them, and a finding if one runs code."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Answer = Literal["metrics", "something", "unauthorized", "no HTTP", "not asked"]
"""To a GET without the token: metrics for Prometheus; anything else; that there must be a token; another protocol or nothing."""

# More than these of one kind of process are counted, not listed: a node has a worker for each of its CPUs.
_MAX_PORTS_LISTED = 6
_METRICS_REMEDY = (
    "let a firewall admit the cluster's machines alone, or close them (docs/clusters.md#ports)"
)


@dataclass(frozen=True)
class Listener:
    """A socket that listens on an address other than loopback.

    Attributes:
        process: what the process is to Ray.
        address: of the interface, 0.0.0.0 or :: for all of them.
        port: of TCP.
        answer: to a plain GET without the token.
    """

    process: str
    address: str
    port: int
    answer: Answer


def listening_line(listeners: Sequence[Listener] | None) -> str:
    """What listens, by process, and which of it shows metrics to anyone; None is a node that does not tell."""
    if listeners is None:
        return (
            "what listens there is unknown: this user may not list its sockets (as root: ss -ltnp)"
        )
    if not listeners:
        return "listens on loopback alone"
    processes = dict.fromkeys(listener.process for listener in listeners)
    by_process = [
        f"{process} {_ports([other for other in listeners if other.process == process])}"
        for process in processes
    ]
    line = f"listens beyond loopback: {', '.join(by_process)}"
    metrics = [listener for listener in listeners if listener.answer == "metrics"]
    if metrics:
        line += (
            f"; metrics to whoever asks, without the token, on {_ports(metrics)}: {_METRICS_REMEDY}"
        )
    return line


def open_ports(listeners: Sequence[Listener] | None) -> Iterator[tuple[str, str]]:
    """Problem and remedy for each service that gives more than metrics without the token: Ray runs what it is sent there."""
    for listener in listeners or ():
        if listener.answer == "something":
            host = f"[{listener.address}]" if ":" in listener.address else listener.address
            yield (
                f"{listener.process} answers on {host}:{listener.port} without the token: "
                "whoever reaches it can run code",
                "restart Ray with RAY_AUTH_MODE=token and --dashboard-host=127.0.0.1, or close the port in the firewall",
            )


def _ports(listeners: Sequence[Listener]) -> str:
    ports = sorted({listener.port for listener in listeners})
    return " ".join(map(str, ports)) if len(ports) <= _MAX_PORTS_LISTED else f"{len(ports)} ports"
