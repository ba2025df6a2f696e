"""`clusters/onprem.yaml` on a lab's hosts: a laptop that launches and submits, a head and two workers.

The copy that is launched differs from the shipped file in the addresses, in the key, and in the set-up commands that
make an environment from the internet: the hosts have no way there, and find the one that the tests run in as
``~/.raydoa``. The code that runs on them is what `ray up` has copied to ``~/raydoa``.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.lab.host import HOME, Host
from tests.cluster.lab.lab import PROJECT, SHARED, Lab
from tests.ray.watching import until

SHIPPED = PROJECT / "clusters" / "onprem.yaml"
_CLUSTER = f"{HOME}/onprem.yaml"
_JOBS = "http://127.0.0.1:8265"
_INTERNET = ("venv", "pip")
# The smallest sweep with a teacher's fine-tuning, a pool and two students.
_SWEEP = [
    "--strategies", "annotate", "distill", "--budgets", "1", "--n", "64", "--u", "1000", "--teachers", "nano-m",
    "--seeds", "0", "--test-rows", "32", "--set", "teacher_recipe.epochs=8", "--set", "student_recipe.epochs=4",
    "--set", "distill_recipe.epochs=2", "--set", "checkpoint_every_steps=4",
]  # fmt: skip


class OnPrem:
    """The cluster and who uses it."""

    def __init__(self, lab: Lab) -> None:
        self.laptop = lab.add("laptop", "10.203.0.9", serves_ssh=False)
        self.head = lab.add("head", "10.203.0.10")
        self.workers = [lab.add("one", "10.203.0.11"), lab.add("two", "10.203.0.12")]
        self.lab = lab
        for host in self.hosts:
            # PYTHONPATH is what `pip install -e ~/raydoa` does. Two hosts of one CPU are what two cores can bear, and a
            # machine of six hosts' processes is slow enough without Ray's being the last in line.
            settings = "PYTHONPATH=~/raydoa RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness=0"
            cpus = "" if host is self.head else " RAY_OVERRIDE_RESOURCES='{\"CPU\": 1}'"
            (host.home / ".bashrc").write_text(f"export {settings}{cpus}\n", encoding="utf-8")
        key = self.laptop.home / ".ssh" / "id_ed25519"
        key.touch(mode=0o600)
        key.write_bytes(lab.key.read_bytes())
        copy = yaml.safe_dump(self._copy(), sort_keys=False)
        (self.laptop.home / "onprem.yaml").write_text(copy, encoding="utf-8")

    @property
    def hosts(self) -> list[Host]:
        """The machines of the cluster."""
        return [self.head, *self.workers]

    def _copy(self) -> dict[str, Any]:
        cluster: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        cluster["provider"]["head_ip"] = self.head.address
        cluster["provider"]["worker_ips"] = [worker.address for worker in self.workers]
        cluster["auth"]["ssh_user"] = "root"
        cluster["setup_commands"] = [
            command
            for command in cluster["setup_commands"]
            if not any(word in command for word in _INTERNET)
        ]
        return cluster

    def launcher(self, *arguments: str, check: bool = True, **environment: str) -> str:
        """A command of Ray's on the laptop, in the checkout; returns what it prints."""
        path = f"{HOME}/.raydoa/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_COLOR_MODE": "false", "PATH": path}
        done = self.laptop.run(
            arguments, cwd=str(PROJECT), seconds=300, check=check, **quiet, **environment
        )
        return done.stdout

    def make_token(self) -> None:
        """As the page says."""
        self.launcher("bash", "-c", "umask 077; ray get-auth-token --generate > /dev/null")

    def up(self) -> None:
        """`ray up`, which returns when the head is up."""
        self.launcher("ray", "up", "-y", _CLUSTER)

    def wait_for_all(self) -> None:
        """Until every machine has joined; through the tunnel."""
        until("a whole cluster", lambda: len(self.alive()) == len(self.hosts), seconds=240)

    def down(self) -> None:
        """`ray down`, and the line after it on the page."""
        self.launcher("ray", "down", "-y", _CLUSTER)
        for host in self.hosts:
            to = ["-o", "StrictHostKeyChecking=no", f"root@{host.address}"]
            self.launcher("ssh", *to, "~/.raydoa/bin/ray stop")

    @property
    def token(self) -> str:
        """The cluster's token."""
        return (self.laptop.home / ".ray/auth_token").read_text(encoding="utf-8").strip()

    @contextmanager
    def tunnel(self) -> Iterator[None]:
        """The dashboard's port on the laptop, as the page brings it there."""
        to = ["-L", "8265:127.0.0.1:8265", f"root@{self.head.address}"]
        ssh = ["ssh", "-N", "-o", "StrictHostKeyChecking=no", "-o", "ExitOnForwardFailure=yes", *to]
        through = self.laptop.start(ssh, self.lab.folder / "tunnel.log")
        try:
            until("a tunnel", lambda: ":8265" in self.laptop.run(["ss", "-tlnH"]).stdout)
            yield
        finally:
            self.laptop.stop(through)

    def ask(self, path: str) -> Any:
        """What the dashboard says to one who has the token, through the tunnel; None if it cannot."""
        header = f"Authorization: Bearer {self.token}"
        curl = ["curl", "-sS", "--fail", "--max-time", "20", "-H", header, f"{_JOBS}{path}"]
        said = self.laptop.run(curl, check=False)
        return None if said.returncode else json.loads(said.stdout)

    def alive(self) -> set[str]:
        """Addresses of the machines that the head takes for alive."""
        said = self.ask("/api/v0/nodes")
        if said is None:
            return set()
        nodes = said["data"]["result"]["result"]
        return {node["node_ip"] for node in nodes if node["state"] == "ALIVE"}

    def at_work(self) -> list[Host]:
        """Worker machines on which a stage is being made now."""
        stages = ("ray::_produce", "ray::RayTrainWorker", "ray::MapWorker")
        return [
            worker
            for worker in self.workers
            if any(line.startswith(stages) for line in worker.processes().values())
        ]

    def submit(self, name: str) -> "Job":
        """Submit the sweep, with a store and a result dir of that name."""
        return Job(self, name)


class Job:
    """`ray job submit -- python sweeps/main_grid.py ...` on the laptop, while it runs."""

    def __init__(self, cluster: OnPrem, name: str) -> None:
        self.store = cluster.lab.shared / name / "store"
        self.results = cluster.lab.shared / name / "results"
        self.log = cluster.lab.folder / f"{name}-{time.monotonic_ns()}.log"
        places = ["--store", f"{SHARED}/{name}/store", "--results", f"{SHARED}/{name}/results"]
        command = ["ray", "job", "submit", "--", "python", "sweeps/main_grid.py", *_SWEEP, *places]
        environment = {
            "PATH": f"{HOME}/.raydoa/bin:/usr/bin:/bin",
            "RAY_AUTH_MODE": "token",
            "RAY_API_SERVER_ADDRESS": _JOBS,
        }
        self._laptop = cluster.laptop
        self._client = self._laptop.start(command, self.log, cwd=str(PROJECT), **environment)

    def wait(self) -> Path:
        """Return the result dir, which is the last line that the sweep prints."""
        code = self._client.wait()
        said = self.log.read_text(encoding="utf-8", errors="replace")
        assert code == 0, said
        lines = [line.strip() for line in said.splitlines()]
        folder = next(line for line in lines if line.startswith(f"{SHARED}/") and " " not in line)
        return self.results / Path(folder).name

    def lost(self) -> None:
        """End the client: there is no cluster any more to tell it how the job has ended."""
        self._laptop.stop(self._client)
