"""Processes of a command and of its Ray: all are of the session that the command began."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import psutil

TITLES = {
    "train worker": ("ray::RayTrainWorker",),
    "map worker": ("ray::MapWorker",),
    "trial": ("ray::ImplicitFunc",),
    "train controller": ("ray::TrainController",),
    "task": ("ray::_build_stage",),
    "claims": ("ray::BuildRegistry",),
    "dashboard agent": ("ray::DashboardAgent",),
}
"""How the processes that a fault may hit call themselves: the beginning of their title."""

_EXECUTABLES = {"raylet": "raylet", "gcs": "gcs_server"}
TARGETS = (*TITLES, *_EXECUTABLES, "driver")


def of_session(session: int) -> list[int]:
    """Those that are alive."""
    return [pid for pid in psutil.pids() if _asked(os.getsid, pid) == session and _alive(pid)]


def of_group(group: int) -> list[int]:
    """Those that a terminal's interrupt reaches: of the session, in the group of the command itself."""
    return [pid for pid in of_session(group) if _asked(os.getpgid, pid) == group]


def named(target: str, session: int) -> list[int]:
    """Processes of a session by what they are to the sweep, the oldest first."""
    if target == "driver":
        return [session] if _alive(session) else []
    fits = _by_title(TITLES[target]) if target in TITLES else _by_executable(_EXECUTABLES[target])
    return [pid for pid in sorted(of_session(session)) if fits(_command(pid))]


def send(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _by_title(titles: tuple[str, ...]) -> Callable[[list[str]], bool]:
    return lambda command: bool(command) and command[0].startswith(titles)


def _by_executable(name: str) -> Callable[[list[str]], bool]:
    return lambda command: bool(command) and command[0].rpartition("/")[2] == name


def _asked(question: Callable[[int], int], pid: int) -> int | None:
    try:
        return question(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return []
