"""A lab: hosts on one switch without a way out, a key that opens them, and a folder that all of them share.

Everything that a lab makes on this machine carries the number of the process that made it, so the next lab finds
what a killed one left behind, and two of them side by side never touch each other's.
"""

import ipaddress
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.testbed.host import Host
from tests.cluster.testbed.inside import inside

_PREFIX = "raydoa-lab"
SHARED = "/run/shared"
"""Where every host sees the shared folder."""

PROJECT = Path(__file__).resolve().parents[3]


class Testbed:
    """Hosts in one network, all of which see the same folder as `SHARED`.

    Args:
        folder: where the hosts keep their private folders; it should be fresh.
        network: their network; the switch has its last address.
    """

    def __init__(self, folder: Path, network: str = "10.203.0.0/24") -> None:
        sweep()
        self.folder = folder
        self.hosts: dict[str, Host] = {}
        self.shared = folder / "shared"
        self.key = folder / "key"
        self._network = ipaddress.ip_network(network)
        self._made = 0
        self._names = folder / "hosts"
        self._names.write_text("127.0.0.1 localhost\n", encoding="utf-8")
        self.shared.mkdir()
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        self.switch = f"{_PREFIX}-{os.getpid()}-switch"
        _run("ip", "netns", "add", self.switch)
        self._on_switch("link set lo up", "link add bridge type bridge", "link set bridge up")
        self._on_switch(f"addr add {self.gateway}/{self._network.prefixlen} dev bridge")

    @property
    def gateway(self) -> str:
        """Address of the switch, to which hosts send all that is for no other host."""
        return str(self._network.broadcast_address - 1)

    def add(
        self,
        name: str,
        address: str,
        *,
        serves_ssh: bool = True,
        key: str | None = None,
        links: bool = True,
    ) -> Host:
        """Boot a host.

        Args:
            name: its host name.
            address: its address, in the lab's network.
            serves_ssh: whether a key opens it over SSH; a laptop would not.
            key: the public half of that key; the lab's by default.
            links: whether its root finds raydoa's environment as ``~/.raydoa``, as the set-up commands of the cluster
                files leave it.
        """
        self._made += 1
        namespace = f"{_PREFIX}-{os.getpid()}-{self._made}"
        settings = {
            "LAB_NAME": name,
            "LAB_ADDRESS": address,
            "LAB_FOLDER": str(self.folder / name),
            "LAB_HOSTS": str(self._names),
            "LAB_KEEP": ":".join(_hidden([PROJECT, Path(sys.prefix), Path(sys.base_prefix)])),
            "LAB_SHARED": str(self.shared),
            "LAB_KEY": (key or self.key.with_suffix(".pub").read_text()).strip()
            if serves_ssh
            else "",
        }
        host = Host(name, address, namespace, self.folder / name, settings)
        self.hosts[name] = host
        with self._names.open("a", encoding="utf-8") as names:
            names.write(f"{address} {name}\n")
        self._plug(namespace, address, self._port(host))
        if links:
            host.home.mkdir(parents=True)
            (host.home / ".raydoa").symlink_to(sys.prefix)
        host.boot()
        if serves_ssh:
            host.wait_for_ssh(self.switch)
        return host

    def _plug(self, namespace: str, address: str, port: str) -> None:
        """A cable from the switch to a new host's only card."""
        _run("ip", "netns", "add", namespace)
        self._on_switch(f"link add {port} type veth peer name eth0 netns {namespace}")
        self._on_switch(f"link set {port} master bridge up")
        for card in (
            f"addr add {address}/{self._network.prefixlen} dev eth0",
            "link set eth0 up",
            "link set lo up",
            f"route add default via {self.gateway}",
        ):
            _run("ip", "-n", namespace, *card.split())

    def _port(self, host: Host) -> str:
        return f"to-{host.namespace.rpartition('-')[2]}"

    def cut(self, host: Host) -> None:
        """Pull a host's cable out at the switch: it runs on, and nobody is told."""
        self._on_switch(f"link set {self._port(host)} down")

    def heal(self, host: Host) -> None:
        """Put the cable back."""
        self._on_switch(f"link set {self._port(host)} up")

    def listen(self, address: str, port: int) -> socket.socket:
        """A door on the switch that this process serves: all hosts reach it, and nobody else does."""
        if address != self.gateway:
            self._on_switch(f"addr add {address}/32 dev bridge")
        return inside(self.switch, lambda: socket.create_server((address, port)))

    def remove(self, host: Host) -> None:
        """Take a host's power, and the host away; another may have its address."""
        host.power_off()
        del self.hosts[host.name]
        _run("ip", "netns", "delete", host.namespace)

    def _on_switch(self, *commands: str) -> None:
        for command in commands:
            _run("ip", "-n", self.switch, *command.split())

    def close(self) -> None:
        """Take every host's power, and remove what was made for them."""
        for host in list(self.hosts.values()):
            self.remove(host)
        _run("ip", "netns", "delete", self.switch)


def sweep() -> None:
    """Remove what labs have left behind whose process is gone."""
    for line in _run("ip", "netns", "list").splitlines():
        found = re.match(rf"{_PREFIX}-(\d+)-\w+", line)
        if found and not Path(f"/proc/{found[1]}").exists():
            for pid in _run("ip", "netns", "pids", found[0]).split():
                os.kill(int(pid), signal.SIGKILL)
            _run("ip", "netns", "delete", found[0])


def _hidden(folders: Iterable[Path]) -> list[str]:
    """Those of ``folders`` that a host's own /tmp would hide."""
    return sorted({str(folder) for folder in folders if folder.is_relative_to("/tmp")})


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout
