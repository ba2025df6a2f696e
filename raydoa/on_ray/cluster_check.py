"""Probes every node of a running cluster: tasks pinned to each, which hold no CPU.

First each node probes itself and writes a small file into the shared folders; then each lists the others' files; then
each one's clock is read, one after the other. The files are removed at the end.
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raydoa.doctor.finding import Finding
from raydoa.doctor.listeners import Listener
from raydoa.doctor.node_facts import NodeFacts, compare, node_lines
from raydoa.errors import UserError
from raydoa.on_ray.cluster import cluster
from raydoa.on_ray.error_causes import last_line
from raydoa.on_ray.node_probe import list_nodes, probe_node, read_clock
from raydoa.store.layout import open_storage

_TIMEOUT_SECONDS = 180.0
_CLOCK_READINGS = 3


def check_cluster(store: str | None, results: str | None) -> tuple[list[str], list[Finding]]:
    """Probe every node, and whether it reaches ``store`` and ``results``; returns lines about each node, and the findings."""
    shared = [_absolute(url) for url in (store, results) if url is not None]
    run = f"doctor-{uuid.uuid4().hex}"
    with cluster(namespace=run):
        nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        try:
            probes, silent = _on_each(nodes, probe_node, shared, run)
            probed = {node_id: nodes[node_id] for node_id in probes}
            listings, silent_later = _on_each(probed, list_nodes, shared, run)
        finally:
            _remove_files(shared, run)
        facts = [
            _facts(nodes[node_id], probes, listings[node_id], _clock_skew(node_id))
            for node_id in probes
            if node_id in listings
        ]
    return [line for node in facts for line in node_lines(node)], [
        *silent,
        *silent_later,
        *compare(facts),
    ]


def _on_each(
    nodes: Mapping[str, Any], function: Callable[..., Any], *arguments: Any
) -> tuple[dict[str, Any], list[Finding]]:
    """What ``function`` returns on each node, and a finding for each node that did not answer."""
    task = ray.remote(num_cpus=0, max_retries=0)(function)
    refs = {
        node_id: task.options(scheduling_strategy=_pinned(node_id)).remote(*arguments, node_id)
        for node_id in nodes
    }
    answers, silent = {}, []
    for node_id, ref in refs.items():
        try:
            answers[node_id] = ray.get(ref, timeout=_TIMEOUT_SECONDS)
        except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError) as error:
            what = f"a task did not run there: {last_line(error)}"
            remedy = "see the node's logs; restart Ray there"
            silent.append(Finding(_name(nodes[node_id]), what, remedy))
    return answers, silent


def _facts(
    node: Mapping[str, Any],
    probes: Mapping[str, Any],
    listings: Mapping[str, Sequence[str]],
    clock: tuple[float, float],
) -> NodeFacts:
    """Of a node, from its own probe and what it sees of the others."""
    probe = probes[node["NodeID"]]
    listeners = probe["listeners"]
    return NodeFacts(
        **{field: probe[field] for field in probe.keys() - {"host", "listeners"}},
        listeners=listeners and [Listener(*fields) for fields in listeners],
        node=_name(node),
        gpus_offered=int(node["Resources"].get("GPU", 0)),
        skew_seconds=clock[0],
        skew_uncertainty=clock[1],
        unseen={
            url: [
                f"{other['host']} ({node_id[:8]})"
                for node_id, other in probes.items()
                if url not in other["unwritable"] and node_id not in listed
            ]
            for url, listed in listings.items()
            if url not in probe["unwritable"]
        },
    )


def _clock_skew(node_id: str) -> tuple[float, float]:
    """A node's clock minus ours, and half the round trip of the quickest reading, both in seconds."""
    task = ray.remote(num_cpus=0)(read_clock).options(scheduling_strategy=_pinned(node_id))
    readings = []
    for _ in range(_CLOCK_READINGS):
        before = time.time()
        remote = ray.get(task.remote(), timeout=_TIMEOUT_SECONDS)
        after = time.time()
        readings.append(((after - before) / 2, remote - (before + after) / 2))
    uncertainty, skew = min(readings)
    return skew, uncertainty


def _pinned(node_id: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node_id, soft=False)


def _name(node: Mapping[str, Any]) -> str:
    return f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})"


def _absolute(url: str) -> str:
    return url if "://" in url else str(Path(url).expanduser().absolute())


def _remove_files(shared: Sequence[str], run: str) -> None:
    for url in shared:
        try:
            open_storage(url).remove_folder(run)
        except UserError:
            continue  # Not writable from here, which is a finding of the nodes'.
