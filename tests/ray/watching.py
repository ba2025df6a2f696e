"""Looking at processes and actors from outside. No torch in here: actors of tests import it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

# Looking costs, too: at 20 times a second it takes what the watched need to get on.
_LOOK_SECONDS = 0.2


def until(what: str | Callable[[], str], true: Callable[[], bool], seconds: float = 300.0) -> None:
    """Wait until something holds; only a hang reaches the limit, and then ``what`` tells what it waited for."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what if isinstance(what, str) else what()} never happened")
        time.sleep(_LOOK_SECONDS)


def checkpointed(train: Path) -> bool:
    """Whether Ray Train has noted a checkpoint of a run in this folder, and would go on from it."""
    notes = train.glob("fine_tune-*/checkpoint_manager_snapshot.json")
    return any('"checkpoint_dir_name"' in note.read_text(encoding="utf-8") for note in notes)


def actors(class_name: str) -> list[tuple[str, int, str]]:
    """State, process and node of every actor of a class, the dead ones too."""
    from ray._private.state import state

    table = [a for a in state.actor_table(None).values() if a["ActorClassName"] == class_name]
    return [(actor["State"], actor["Pid"], actor["Address"]["NodeID"]) for actor in table]


def living(class_name: str) -> list[int]:
    """Processes of the living actors of a class."""
    return [pid for state, pid, _ in actors(class_name) if state == "ALIVE" and pid]


def drain(address: str, node_id: str, seconds: float = 120.0) -> None:
    """Tell the cluster that a node will be preempted."""
    from raydoa.on_ray import ray_internals

    gcs = ray_internals.gcs_client(address)
    accepted, rejection = ray_internals.drain_node(gcs, node_id, "a test", time.time() + seconds)
    assert accepted, rejection


def processes_with(variable: str) -> list[psutil.Process]:
    """Processes with an environment variable, as ``NAME=value``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        # Gone meanwhile, or not ours.
        with suppress(OSError, psutil.NoSuchProcess):
            if f"{variable}\0".encode() in path.read_bytes():
                found.append(psutil.Process(int(path.parent.name)))
    return found


def workers(title: str) -> list[psutil.Process]:
    """Processes of our clusters by what they call themselves; faster than asking Ray."""
    place = os.environ["RAY_TMPDIR"]
    named = [
        p
        for p in psutil.process_iter(["cmdline"])
        if (p.info["cmdline"] or [""])[0].startswith(title)
    ]
    return [p for p in named if any(place in word for word in p.parent().cmdline())]


@contextmanager
def held(of: str | list[psutil.Process]) -> Iterator[None]:
    """Workers (of our clusters, by title) stand still: however fast they are, what happens in here finds them in their work."""
    processes = workers(of) if isinstance(of, str) else of
    assert processes
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            # Ray may have ended it meanwhile, to begin with more of them.
            with suppress(psutil.NoSuchProcess):
                process.resume()


def groups() -> dict[str, str]:
    """States of the placement groups that are not removed, by their ids."""
    from ray.util.placement_group import placement_group_table

    found = placement_group_table().items()
    return {name: group["state"] for name, group in found if group["state"] != "REMOVED"}


def alive(pid: int) -> bool:
    """Whether a process of ours is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill_a_worker_after_a_checkpoint(train: Path) -> int:
    """End one worker of a group once it can go on; returns the process that is no more."""
    until("a checkpoint", lambda: checkpointed(train))
    worker = living("RayTrainWorker")[0]
    os.kill(worker, signal.SIGKILL)
    until("its death", lambda: not alive(worker))
    return worker
