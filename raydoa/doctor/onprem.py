"""Checks of a launcher file for your own hosts (`provider: type: local`)."""

import ipaddress
from collections.abc import Iterator

from raydoa.doctor.cluster_file import LauncherFile
from raydoa.doctor.finding import Finding, as_list

# RFC 5737: addresses for documentation, which reach nothing.
_DOCUMENTATION_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
)
_OLD_AUTOSCALER = "RAY_enable_autoscaler_v2=0"


def check_onprem(file: LauncherFile) -> Iterator[Finding]:
    """Every check of this module."""
    if not any(_OLD_AUTOSCALER in command for command in file.commands("head_start_ray_commands")):
        yield Finding(
            "head_start_ray_commands",
            "Ray's newer autoscaler counts the head as a worker here, and starts one worker too few",
            f"put `export {_OLD_AUTOSCALER} &&` before `ray start`",
        )
    if "coordinator_address" in file.provider:
        return
    head, workers = file.provider.get("head_ip"), as_list(file.provider.get("worker_ips"))
    if not head:
        yield Finding("provider.head_ip", "missing", "name the host of the head")
    if not workers:
        yield Finding("provider.worker_ips", "no workers", "list their hosts")
    hosts = [str(host) for host in [*([head] if head else []), *workers]]
    for host in sorted({host for host in hosts if hosts.count(host) > 1}):
        yield Finding(
            "provider", f"{host} is listed twice", "name each host once; the head is no worker"
        )
    for host in hosts:
        if _is_example(host):
            yield Finding(
                "provider", f"{host} is an address for examples", "replace it with your host's"
            )


def _is_example(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # A host name.
    return any(address in network for network in _DOCUMENTATION_NETWORKS)
