"""One host: namespaces of its own, a first process, and what a person at its console can do."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_BOOT = Path(__file__).with_name("boot.sh")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOME = "/run/root"


@dataclass
class Host:
    """A host of a lab; `Testbed.add` makes one.

    Attributes:
        name: its host name.
        address: its IPv4 address in the lab's network.
        namespace: name of its network namespace.
        folder: where its private folders lie on this machine: ``tmp`` and ``run``.
        settings: what `boot.sh` reads.
    """

    name: str
    address: str
    namespace: str
    folder: Path
    settings: Mapping[str, str]
    _shell: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _first: int = field(default=0, repr=False)

    @property
    def home(self) -> Path:
        """The home folder of its root, seen from this machine."""
        return self.folder / "run/root"

    @property
    def _booted(self) -> Path:
        """A file that `boot.sh` makes as soon as the host has all that is its own."""
        return self.folder / "run/booted"

    def boot(self) -> None:
        """Start it, and return when it has all that is its own. It ends with the process that has started it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._booted.unlink(missing_ok=True)
        with (self.folder / "boot.log").open("ab") as log:
            self._shell = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.namespace,
                 "unshare", "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child", str(_BOOT)],
                env={"PATH": _PATH, "LANG": "C.UTF-8", **self.settings},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._first = self._first_process(self._shell)

    def _first_process(self, shell: "subprocess.Popen[bytes]") -> int:
        """It runs `boot.sh`, and is asked for nothing before it has left this machine's own folders behind."""
        while shell.poll() is None:
            if self._booted.exists():
                return _children(shell.pid)[0]
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not boot: {(self.folder / 'boot.log').read_text()}")

    def command(self, command: Sequence[str], cwd: str = HOME, **environment: str) -> list[str]:
        """A command line that runs ``command`` at this host's console, for `subprocess`."""
        variables = {"PATH": _PATH, "HOME": HOME, "LANG": "C.UTF-8", "TERM": "dumb", **environment}
        return [
            "nsenter", f"--target={self._first}", "--net", "--pid", "--mount", "--uts", "--ipc",
            "env", f"--chdir={cwd}", "-i", *(f"{name}={value}" for name, value in variables.items()), *command,
        ]  # fmt: skip

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: str = HOME,
        seconds: float = 120,
        check: bool = True,
        **environment: str,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command at the console; its standard error is part of its output.

        Raises:
            AssertionError: it failed, and ``check`` is set; the message has its output.
        """
        done = subprocess.run(
            self.command(command, cwd, **environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, f"{self.name}$ {' '.join(command)}\n{done.stdout}"
        return done

    def start(
        self, command: Sequence[str], log: Path, *, cwd: str = HOME, **environment: str
    ) -> "subprocess.Popen[bytes]":
        """Start a command at the console that runs until it is done, or until `stop`."""
        with log.open("ab") as written:
            return subprocess.Popen(
                self.command(command, cwd, **environment),
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
            )

    def processes(self) -> dict[int, str]:
        """Command lines of what runs on it, by the process's number on that host."""
        listed = self.run(["ps", "-eo", "pid=,args="]).stdout.splitlines()
        pairs = (line.split(maxsplit=1) for line in listed if line.strip())
        return {int(pid): " ".join(rest) for pid, *rest in pairs}

    @staticmethod
    def stop(started: "subprocess.Popen[bytes]") -> None:
        """End what `start` has started: `nsenter` waits for it, and would not take it along."""
        for child in _children(started.pid):
            os.kill(child, signal.SIGKILL)
        started.wait()

    def kill(self, pid: int) -> None:
        """kill -9 of one of its processes."""
        self.run(["kill", "-9", str(pid)])

    @contextmanager
    def held(self, pid: int) -> Iterator[None]:
        """One of its processes stands still: however fast it is, what happens in here finds it in its work."""
        self.run(["kill", "-STOP", str(pid)])
        try:
            yield
        finally:
            self.run(["kill", "-CONT", str(pid)])

    def wait_for_ssh(self, among: str, seconds: float = 60) -> None:
        """Return when its sshd greets who comes from the network namespace ``among``."""
        greet = f"exec 3<>/dev/tcp/{self.address}/22; read -r -t 2 greeting <&3; [[ $greeting == SSH-* ]]"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            knock = ["ip", "netns", "exec", among, "bash", "-c", greet]
            if subprocess.run(knock, capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name}: no sshd; {(self.folder / 'boot.log').read_text()}")

    def power_off(self) -> None:
        """Take its power: every process of it is gone at once."""
        if self._shell is None:
            return
        os.kill(
            self._shell.pid, signal.SIGKILL
        )  # --kill-child takes the host's first process with it.
        self._shell.wait()
        self._shell = None


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
