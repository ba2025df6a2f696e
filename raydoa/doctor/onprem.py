"""Checks of a launcher file for machines of one's own (`provider: type: local`)."""

import ipaddress
from collections.abc import Iterator

from raydoa.doctor.cluster_file import LauncherFile
from raydoa.doctor.finding import Finding, unknown_keys

# Every key of `provider` that Ray 2.60 reads (ray.autoscaler._private.local and the autoscaler itself).
_PROVIDER_KEYS = {
    "type", "head_ip", "worker_ips", "coordinator_address", "external_head_ip", "use_internal_ips",
    "use_external_head_ip", "disable_node_updaters", "disable_launch_config_check", "foreground_node_launch",
    "worker_liveness_check",
}  # fmt: skip
# RFC 5737: addresses that stand in documentation, and reach nothing.
_IN_DOCUMENTS = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
)
_OLD_AUTOSCALER = "RAY_enable_autoscaler_v2=0"


def check_onprem(file: LauncherFile) -> Iterator[Finding]:
    """Every check of this room."""
    provider = file.provider
    yield from unknown_keys(provider, _PROVIDER_KEYS, "provider")
    if not any(_OLD_AUTOSCALER in command for command in file.commands("head_start_ray_commands")):
        yield Finding(
            "head_start_ray_commands",
            "Ray's newer autoscaler counts the head as a worker here, and starts one worker too few",
            f"put `export {_OLD_AUTOSCALER} &&` before `ray start`",
        )
    if "coordinator_address" in provider:
        return
    head, workers = provider.get("head_ip"), provider.get("worker_ips")
    if not head:
        yield Finding("provider.head_ip", "missing", "name the host of the head")
    if not isinstance(workers, list) or not workers:
        yield Finding("provider.worker_ips", "no workers", "list their hosts")
        workers = []
    hosts = [str(host) for host in [*([head] if head else []), *workers]]
    for host in sorted({host for host in hosts if hosts.count(host) > 1}):
        yield Finding(
            "provider", f"{host} is there twice", "name each host once; the head is no worker"
        )
    for host in hosts:
        if _stands_in_documents(host):
            yield Finding("provider", f"{host} is an address for examples", "put your host's there")


def _stands_in_documents(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # A name.
    return any(address in network for network in _IN_DOCUMENTS)
