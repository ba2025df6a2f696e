"""`clusters/onprem.yaml` on a lab's hosts: a head and two workers.

The copy that is launched differs from the shipped file in the addresses, in the key, and in the set-up commands that
make an environment from the internet.
"""

from contextlib import AbstractContextManager
from typing import Any

import yaml

from tests.cluster.launched import STAGES, Job, Launched, give_settings, without
from tests.cluster.testbed.host import Host
from tests.cluster.testbed.testbed import PROJECT, SHARED, Testbed
from tests.ray.watching import until

SHIPPED = PROJECT / "clusters" / "onprem.yaml"
_INTERNET = ("venv", "pip")
# The smallest sweep with a teacher's fine-tuning, a pool and two students.
_SWEEP = [
    "--strategies", "annotate", "distill", "--budgets", "1", "--n", "64", "--u", "250", "--teachers", "nano-m",
    "--seeds", "0", "--test-rows", "32", "--set", "teacher_recipe.epochs=8", "--set", "student_recipe.epochs=4",
    "--set", "distill_recipe.epochs=2", "--set", "checkpoint_every_steps=4",
]  # fmt: skip


class OnPrem(Launched):
    """The cluster and who uses it."""

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(
            testbed, testbed.add("laptop", "10.203.0.9", serves_ssh=False), "onprem.yaml"
        )
        self.head = testbed.add("head", "10.203.0.10")
        self.workers = [testbed.add("one", "10.203.0.11"), testbed.add("two", "10.203.0.12")]
        for host in self.hosts:
            # Two hosts of one CPU are what two cores can bear.
            give_settings(
                host, "" if host is self.head else " RAY_OVERRIDE_RESOURCES='{\"CPU\": 1}'"
            )
        key = self.laptop.home / ".ssh" / "id_ed25519"
        key.touch(mode=0o600)
        key.write_bytes(testbed.key.read_bytes())
        self.write(self._copy())

    @property
    def hosts(self) -> list[Host]:
        """The machines of the cluster."""
        return [self.head, *self.workers]

    def _copy(self) -> dict[str, Any]:
        cluster: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        cluster["provider"]["head_ip"] = self.head.address
        cluster["provider"]["worker_ips"] = [worker.address for worker in self.workers]
        cluster["auth"]["ssh_user"] = "root"
        cluster["setup_commands"] = without(_INTERNET, cluster["setup_commands"])
        return cluster

    def wait_for_all(self) -> None:
        """Until every machine has joined; through the tunnel."""
        until("a whole cluster", lambda: len(self.alive()) == len(self.hosts), seconds=240)

    def down(self) -> None:
        """`ray down`, and the line after it on the page."""
        self.launcher("ray", "down", "-y", self.file)
        for host in self.hosts:
            to = ["-o", "StrictHostKeyChecking=no", f"root@{host.address}"]
            self.launcher("ssh", *to, "~/.raydoa/bin/ray stop")

    def tunnel(self) -> AbstractContextManager[None]:
        """The dashboard's port on the laptop, as the page brings it there."""
        to = ["-L", "8265:127.0.0.1:8265", f"root@{self.head.address}"]
        careful = ["-o", "StrictHostKeyChecking=no", "-o", "ExitOnForwardFailure=yes"]
        return self.through("ssh", "-N", *careful, *to)

    def at_work(self) -> list[Host]:
        """Worker machines on which a stage is being made now."""
        return [
            worker
            for worker in self.workers
            if any(line.startswith(STAGES) for line in worker.processes().values())
        ]

    def submit(self, name: str) -> Job:
        """Submit the sweep, with a store and a result dir of that name."""
        return Job(self, name, _SWEEP, f"{SHARED}/{name}/store")
