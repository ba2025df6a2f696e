"""The processes that a run depends on, and those of a cluster that this process has started."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from raydoa.on_ray.preflight import why_silent
from raydoa.on_ray.ray_internals import (
    AGENT_SIGNS,
    RAYLET_PID_VARIABLE,
    is_rays,
    own_raylet_socket,
)

_GCS_SECONDS = 45.0
"""A control store on another machine may be started again; Ray itself gives it 60."""
_GCS_LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Part:
    """Something without which a run cannot go on.

    Attributes:
        name: for people.
        is_alive: looks.
        descriptor: of a process of this machine: it can be read once that has ended. Where there is none, one has to look.
    """

    name: str
    is_alive: Callable[[], bool]
    descriptor: int | None = None


def parts_of_own_cluster() -> list[Part]:
    """Of a cluster that this process has started."""
    children = psutil.Process().children()
    return _node_parts(children) + [
        _process_part("Ray's control store (GCS)", process)
        for process in children
        if _words(process)[0].endswith("/gcs_server")
    ]


def parts_of_another_cluster(gcs_address: str) -> list[Part]:
    """Of a cluster that others have started: its processes on this machine, and its control store, wherever that is."""
    return [*_node_parts(psutil.process_iter()), _GcsElsewhere(gcs_address).part()]


def _node_parts(processes: Iterable[psutil.Process]) -> list[Part]:
    """The raylet that this process is connected to, and its agents: Ray ends a raylet that has lost one of them."""
    parts = []
    for process in processes:
        program, *words = _words(process)
        # Whole: the sockets of several raylets on one machine are called raylet, raylet.1 and so on.
        sockets = {word.partition("=")[2] for word in words}
        if program.endswith("/raylet") and own_raylet_socket() in sockets:
            parts.append(_process_part("Ray's raylet", process))
            for child in _children(process):
                line = " ".join(_words(child))
                names = [
                    name for name, signs in AGENT_SIGNS.items() if any(s in line for s in signs)
                ]
                parts += [_process_part(f"Ray's {name}", child) for name in names]
    return parts


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children())
    except psutil.NoSuchProcess:  # It has died since it was listed, and will be missed.
        return []


def _process_part(name: str, process: psutil.Process) -> Part:
    descriptor = None
    if hasattr(os, "pidfd_open"):  # Linux
        with suppress(OSError):  # It is gone already, as a look will tell.
            descriptor = os.pidfd_open(process.pid)
    return Part(f"{name} (process {process.pid})", lambda: _is_alive(process), descriptor)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class _GcsElsewhere:
    """A control store that counts as dead when it has not answered for a while."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._answered = self._asked = time.monotonic()

    def part(self) -> Part:
        return Part(f"Ray's control store (GCS) at {self._address}", self._is_alive)

    def _is_alive(self) -> bool:
        now = time.monotonic()
        if now - self._asked >= _GCS_LOOK_SECONDS:
            self._asked = now
            host, _, port = self._address.rpartition(":")
            if why_silent(host, int(port)) is None:
                self._answered = now
        return now - self._answered < _GCS_SECONDS


class OwnCluster:
    """The processes of the cluster that this process starts after this object is made."""

    def __init__(self) -> None:
        self._others = set(psutil.Process().children())
        self._noted: set[psutil.Process] = set()

    def note(self) -> None:
        """Remember what runs: whose parent dies is nobody's child any more."""
        for child in psutil.Process().children():
            if child not in self._others and is_rays(_words(child)):
                self._noted.add(child)
                with suppress(psutil.NoSuchProcess):
                    self._noted.update(child.children(recursive=True))

    def end(self) -> None:
        """Kill what is left of it, now. Its workers name their raylet in their environment, and are found by that."""
        self.note()
        for process in list(self._noted):  # The watch may be at it as well.
            with suppress(psutil.NoSuchProcess):
                process.kill()
        # Not through psutil: it takes seconds for all processes of a busy machine.
        marks = [f"{RAYLET_PID_VARIABLE}={process.pid}\0".encode() for process in list(self._noted)]
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):  # It is gone, or not ours.
                variables = path.read_bytes()
                if any(mark in variables for mark in marks):
                    os.kill(int(path.parent.name), signal.SIGKILL)


def _words(process: psutil.Process) -> list[str]:
    """The command line; never empty."""
    try:
        return process.cmdline() or [""]
    except psutil.Error:
        return [""]
