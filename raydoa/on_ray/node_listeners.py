"""Which ports of a node's Ray are open to other machines, and what they say to who has no token; runs on that node."""

import http.client
import ipaddress
import os
from collections.abc import Iterator, Mapping

import psutil
import ray

from raydoa.doctor.listeners import Answer
from raydoa.on_ray.ray_internals import (
    AGENT_SIGNS,
    HEAD_SIGNS,
    RAYLET_PID_VARIABLE,
    metrics_ports,
    own_session,
)

_ANSWER_SECONDS = 2.0
_WORKERS = "workers"
_UNSEEN = "a process of another user or container"
_METRICS_TYPES = ("text/plain; version=", "application/openmetrics-text")


def open_listeners() -> list[tuple[str, str, int, Answer]] | None:
    """Fields of `Listener`, of each socket of this node's Ray that listens beyond loopback; None if that is not shown.

    Workers are not asked: they speak gRPC, and a training's processes meet on ports of theirs, where a stranger's request
    would disturb. Where the autoscaler has a container of its own, its port of metrics has no owner that is seen here.
    """
    try:
        owners = dict(_owners())
        sockets = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return None
    found = []
    for socket in sockets:
        if socket.status != psutil.CONN_LISTEN or _is_loopback(socket.laddr.ip):
            continue
        address, port = socket.laddr
        hidden = socket.pid is None and port in metrics_ports()
        process = _UNSEEN if hidden else owners.get(socket.pid)
        if process is not None:
            answer: Answer = "not asked" if process == _WORKERS else ask(address, port)
            found.append((process, address, port, answer))
    return sorted(found, key=lambda listener: (listener[0] == _WORKERS, *listener))


def ask(address: str, port: int, timeout: float = _ANSWER_SECONDS) -> Answer:
    """What a GET without a token gets there; ``timeout`` in seconds, for each step of it.

    Ray checks the token before it looks for the page, so a service without this page tells as much as one with it.
    """
    host = "localhost" if ipaddress.ip_address(address).is_unspecified else address
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
    except (OSError, http.client.HTTPException):
        return "no HTTP"
    finally:
        connection.close()
    if response.status in (401, 403):
        return "unauthorized"
    kind = response.getheader("Content-Type", "")
    return "metrics" if response.status == 200 and kind.startswith(_METRICS_TYPES) else "something"


def _owners() -> Iterator[tuple[int | None, str]]:
    """Process ids and names: this node's raylet, what it has started, and on the head the cluster's services."""
    raylet = psutil.Process(int(os.environ[RAYLET_PID_VARIABLE]))
    marks = (own_session(), ray.get_runtime_context().gcs_address)
    lines = {
        process.pid: " ".join(process.info["cmdline"] or ())
        for process in psutil.process_iter(["cmdline"])
    }
    for pid, line in lines.items():
        if (service := _named(line, HEAD_SIGNS)) and any(mark in line for mark in marks):
            yield pid, service
    yield raylet.pid, "raylet"
    for child in raylet.children(recursive=True):
        yield child.pid, _named(lines.get(child.pid, ""), AGENT_SIGNS) or _WORKERS


def _named(line: str, signs: Mapping[str, tuple[str, ...]]) -> str | None:
    """The name whose sign the command line has."""
    return next((name for name in signs if any(sign in line for sign in signs[name])), None)


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
