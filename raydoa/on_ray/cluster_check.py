"""Asks every node of a running cluster for its facts: tasks pinned to each, which hold no CPU.

First each node looks at itself and writes a small file into the shared folders; then each looks for the others' files;
then each is asked for the time, one after the other. The files are removed at the end.
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raydoa.doctor.finding import Finding
from raydoa.doctor.node_facts import NodeFacts, compare, node_line
from raydoa.errors import UserError
from raydoa.on_ray.cluster import cluster
from raydoa.on_ray.node_probe import look_at_yourself, open_folder, time_there, who_wrote

_SECONDS = 180.0
_TIMES_ASKED = 3


def check_cluster(store: str | None, results: str | None) -> tuple[list[str], list[Finding]]:
    """Ask every node, and compare the answers.

    Args:
        store: folder or URL of the artifacts, to be tried from every node.
        results: folder of the result dirs, the same.

    Returns:
        A line for each node, and what is to be mended.
    """
    shared = [_from_anywhere(place) for place in (store, results) if place is not None]
    with cluster(namespace=f"doctor-{uuid.uuid4().hex[:8]}"):
        nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        run = f"doctor-{uuid.uuid4().hex}"
        try:
            portraits, silent = _ask(nodes, look_at_yourself, shared, run)
            seen, silent_later = _ask(
                {one: nodes[one] for one in portraits}, who_wrote, shared, run
            )
        finally:
            _sweep_up(shared, run)
        facts = [
            _facts(nodes[one], portraits, one, seen[one], _clock(one))
            for one in portraits
            if one in seen
        ]
    return [node_line(one) for one in facts], [*silent, *silent_later, *compare(facts)]


def _ask(
    nodes: Mapping[str, Any], question: Callable[..., Any], *arguments: Any
) -> tuple[dict[str, Any], list[Finding]]:
    """Every node's answer to the same question, and a finding for each that gave none."""
    task = ray.remote(num_cpus=0, max_retries=0)(question)
    asked = {
        one: task.options(scheduling_strategy=_pinned(one)).remote(*arguments, one) for one in nodes
    }
    answers, silent = {}, []
    for one, answer in asked.items():
        try:
            answers[one] = ray.get(answer, timeout=_SECONDS)
        except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError) as error:
            why = str(error).strip().splitlines()[-1]
            silent.append(
                Finding(
                    _name(nodes[one]),
                    f"a task did not run there: {why}",
                    "see the node's logs; restart Ray there",
                )
            )
    return answers, silent


def _facts(
    node: Mapping[str, Any],
    portraits: Mapping[str, Any],
    identity: str,
    seen: Mapping[str, Sequence[str]],
    clock: tuple[float, float],
) -> NodeFacts:
    portrait = portraits[identity]
    names = {one: f"{portraits[one]['host']} ({one[:8]})" for one in portraits}
    return NodeFacts(
        node=_name(node),
        versions=portrait["versions"],
        gpus_seen=portrait["gpus_seen"],
        gpus_offered=int(node["Resources"].get("GPU", 0)),
        auth_mode=portrait["auth_mode"],
        token_file=portrait["token_file"],
        token_file_mode=portrait["token_file_mode"],
        skew_seconds=clock[0],
        skew_uncertainty=clock[1],
        unwritable=portrait["unwritable"],
        unseen={
            place: [
                names[one]
                for one in portraits
                if place not in portraits[one]["unwritable"] and one not in found
            ]
            for place, found in seen.items()
            if place not in portrait["unwritable"]
        },
    )


def _clock(identity: str) -> tuple[float, float]:
    """A node's clock minus ours, and half the time of the quickest question."""
    task = ray.remote(num_cpus=0)(time_there).options(scheduling_strategy=_pinned(identity))
    answers = []
    for _ in range(_TIMES_ASKED):
        before = time.time()
        there = ray.get(task.remote(), timeout=_SECONDS)
        after = time.time()
        answers.append(((after - before) / 2, there - (before + after) / 2))
    uncertainty, skew = min(answers)
    return skew, uncertainty


def _pinned(identity: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(identity, soft=False)


def _name(node: Mapping[str, Any]) -> str:
    return f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})"


def _from_anywhere(place: str) -> str:
    return place if "://" in place else str(Path(place).expanduser().absolute())


def _sweep_up(shared: Sequence[str], run: str) -> None:
    for place in shared:
        try:
            open_folder(place).remove_folder(run)
        except UserError:
            continue  # Not writable from here, which the nodes have said.
