"""Looking at processes and actors from outside. No torch in here: actors of tests import it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


def until(what: str, true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until something holds; only a hang reaches the limit."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} never happened"
        time.sleep(0.05)


def checkpointed(train: Path) -> bool:
    """Whether Ray Train has noted a checkpoint of a run in this folder, and would go on from it."""
    notes = train.glob("fine_tune-*/checkpoint_manager_snapshot.json")
    return any('"checkpoint_dir_name"' in note.read_text(encoding="utf-8") for note in notes)


def actors(class_name: str) -> list[tuple[str, int, str]]:
    """State, process and node of every actor of a class, the dead ones too."""
    from ray.util.state import list_actors

    found = list_actors(_address(), filters=[("class_name", "=", class_name)], limit=1000)
    return [(actor.state, actor.pid, actor.node_id) for actor in found]


def _address() -> str:
    """Of our cluster: without it Ray looks at the processes of this machine, where there may be others."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def living(class_name: str) -> list[int]:
    """Processes of the living actors of a class."""
    return [pid for state, pid, _ in actors(class_name) if state == "ALIVE" and pid]


def drain(address: str, node_id: str, seconds: float = 120.0) -> None:
    """Tell the cluster that a node will be taken away."""
    import ray
    from ray.core.generated import autoscaler_pb2

    accepted, why_not = ray._raylet.GcsClient(address=address).drain_node(
        node_id,
        autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
        "a test",
        round((time.time() + seconds) * 1000),
    )
    assert accepted, why_not


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
def held(title: str) -> Iterator[None]:
    """Workers stand still: however fast they are, what happens in here finds them in their work."""
    processes = workers(title)
    assert processes
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def groups() -> dict[str, str]:
    """States of the placement groups that are not removed, by their ids."""
    from ray.util.state import list_placement_groups

    found = list_placement_groups(_address(), limit=10_000)
    return {group.placement_group_id: group.state for group in found if group.state != "REMOVED"}


def alive(pid: int) -> bool:
    """Whether a process of ours is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
