"""A cluster of Ray's launcher in a lab, and who uses it: a laptop that launches, asks and submits.

Hosts have no way to the internet, and find the environment that the tests run in as ``~/.raydoa``. The code that runs
on them is what `ray up` has copied to ``~/raydoa``.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.testbed.host import HOME, Host
from tests.cluster.testbed.testbed import PROJECT, SHARED, Testbed
from tests.ray.watching import until

_JOBS = "http://127.0.0.1:8265"
_SETTINGS = "PYTHONPATH=~/raydoa RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness=0"
STAGES = ("ray::_build_stage", "ray::RayTrainWorker", "ray::MapWorker")
"""What processes that make a stage call themselves."""


def give_settings(host: Host, more: str = "") -> None:
    """What a host's shells have in their environment.

    PYTHONPATH is what `pip install -e ~/raydoa` does. And a machine of many hosts' processes is slow enough without
    Ray's being the last in line.
    """
    (host.home / ".bashrc").write_text(f"export {_SETTINGS}{more}\n", encoding="utf-8")


def without(words: Iterable[str], commands: Sequence[str]) -> list[str]:
    """Those of ``commands`` that want nothing which hosts have not."""
    return [command for command in commands if not any(word in command for word in words)]


class Launched:
    """What a laptop can do with a cluster, whatever it is made of.

    Args:
        testbed: where the laptop is.
        laptop: it has no SSH, and runs in the checkout what is run on it.
        name: of the cluster's file in the laptop's home.
    """

    def __init__(self, testbed: Testbed, laptop: Host, name: str) -> None:
        self.testbed = testbed
        self.laptop = laptop
        self.file = f"{HOME}/{name}"

    def write(self, cluster: Mapping[str, Any]) -> None:
        """The cluster's file."""
        copy = yaml.safe_dump(dict(cluster), sort_keys=False)
        (self.laptop.home / Path(self.file).name).write_text(copy, encoding="utf-8")

    def launcher(self, *arguments: str, check: bool = True, **environment: str) -> str:
        """A command of Ray's on the laptop, in the checkout; returns what it prints."""
        done = self.laptop.run(
            arguments, cwd=str(PROJECT), seconds=300, check=check, **_QUIET, **environment
        )
        return done.stdout

    def make_token(self) -> None:
        """As the pages say."""
        self.launcher("bash", "-c", "umask 077; ray get-auth-token --generate > /dev/null")

    def up(self) -> None:
        """`ray up`, which returns when the head is up."""
        self.launcher("ray", "up", "-y", self.file)

    @property
    def token(self) -> str:
        """The cluster's token."""
        return (self.laptop.home / ".ray/auth_token").read_text(encoding="utf-8").strip()

    @contextmanager
    def through(self, *tunnel: str) -> Iterator[None]:
        """The dashboard's port on the laptop, as long as the command ``tunnel`` runs."""
        started = self.laptop.start(
            tunnel, self.testbed.folder / "tunnel.log", cwd=str(PROJECT), **_QUIET
        )
        try:
            until("a tunnel", lambda: ":8265" in self.laptop.run(["ss", "-tlnH"]).stdout)
            yield
        finally:
            self.laptop.stop(started)

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


class Job:
    """`ray job submit -- python sweeps/main_grid.py ...` on the laptop, while it runs.

    Args:
        cluster: where it is submitted.
        name: of its folder in the one that all hosts share; its results are there.
        sweep: flags of the sweep, but for its places.
        store: what `--store` names.
    """

    def __init__(self, cluster: Launched, name: str, sweep: Sequence[str], store: str) -> None:
        self.folder = cluster.testbed.shared / name
        self.store = store
        self.log = cluster.testbed.folder / f"{name}-{time.monotonic_ns()}.log"
        places = ["--store", store, "--results", f"{SHARED}/{name}/results"]
        command = ["ray", "job", "submit", "--", "python", "sweeps/main_grid.py", *sweep, *places]
        environment = _QUIET | {"RAY_AUTH_MODE": "token", "RAY_API_SERVER_ADDRESS": _JOBS}
        self._laptop = cluster.laptop
        self._client = self._laptop.start(command, self.log, cwd=str(PROJECT), **environment)

    def wait(self) -> Path:
        """Return the result dir, which is the last line that the sweep prints."""
        code = self._client.wait()
        said = self.log.read_text(encoding="utf-8", errors="replace")
        assert code == 0, said
        lines = [line.strip() for line in said.splitlines()]
        folder = next(line for line in lines if line.startswith(f"{SHARED}/") and " " not in line)
        return self.folder / "results" / Path(folder).name

    def lost(self) -> None:
        """End the client: there is no cluster any more to tell it how the job has ended."""
        self._laptop.stop(self._client)


_QUIET = {
    "PATH": f"{HOME}/.raydoa/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_COLOR_MODE": "false",
}
