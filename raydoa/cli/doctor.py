"""`raydoa doctor`: what is wrong with a cluster file, or with the cluster that runs, and what to do about it."""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raydoa.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from raydoa.doctor.cluster_file import KubernetesFile, LauncherFile
    from raydoa.doctor.finding import Finding


def add(parser: argparse.ArgumentParser) -> None:
    """A file, or a running cluster; what is to run on it."""
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="a cluster file; without one, the cluster at RAY_ADDRESS is checked",
    )
    parser.add_argument("--teacher", help="the largest teacher that is to be trained")
    parser.add_argument("--store", help="folder or URL of the artifacts, as sweeps get it")
    parser.add_argument("--results", help="folder of the result dirs, as sweeps get it")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.file is None:
        return _check_cluster(options)
    if options.store or options.results:
        raise UserError(
            "--store and --results: a file says nothing of them; they are checked on a running cluster"
        )
    return _check_file(options.file, options.teacher)


def _check_file(path: Path, teacher: str | None) -> int:
    from raydoa.doctor.cluster_file import read_cluster_file
    from raydoa.doctor.nodes import check_nodes, node_lines, rented_nodes
    from raydoa.models.shapes import T5_SHAPES

    if teacher is not None and teacher not in T5_SHAPES:
        known = list(T5_SHAPES)
        raise UserError(
            f"--teacher: found {teacher!r}; known are {', '.join(known)}{did_you_mean(teacher, known)}"
        )
    file = read_cluster_file(path)
    nodes, unpriced = rented_nodes(file)
    findings = [*_of_file(file), *unpriced, *check_nodes(nodes, teacher)]
    if nodes:
        print("\n".join(node_lines(nodes)))
    return _told(
        [f"{path}: {finding}" for finding in findings], f"{path}: nothing to mend was found"
    )


def _of_file(file: "LauncherFile | KubernetesFile") -> Iterator["Finding"]:
    """Every finding of the file itself."""
    from raydoa.doctor.aws import check_aws
    from raydoa.doctor.cluster_file import KubernetesFile
    from raydoa.doctor.gcp import check_gcp
    from raydoa.doctor.kuberay import check_kuberay
    from raydoa.doctor.launcher_checks import check_launcher_file
    from raydoa.doctor.onprem import check_onprem
    from raydoa.doctor.start_commands import check_start_commands
    from raydoa.on_ray.launcher_schema import check_schema, start_flags

    if isinstance(file, KubernetesFile):
        yield from check_kuberay(file)
        return
    yield from check_schema(file.config)
    yield from check_launcher_file(file, Path.cwd())
    yield from check_start_commands(file, start_flags())
    of_provider = {"aws": check_aws, "gcp": check_gcp, "local": check_onprem}
    yield from of_provider[file.provider["type"]](file)


def _check_cluster(options: argparse.Namespace) -> int:
    if "RAY_ADDRESS" not in os.environ:
        raise UserError(
            "doctor: no file is given and RAY_ADDRESS is not set; name a file, or run it on a cluster: "
            "ray job submit -- raydoa doctor"
        )
    from raydoa.on_ray.cluster_check import check_cluster

    lines, findings = check_cluster(options.store, options.results)
    print("\n".join(lines))
    return _told([str(finding) for finding in findings], "nothing to mend was found")


def _told(findings: Sequence[str], well: str) -> int:
    for finding in findings:
        print(finding)
    if not findings:
        print(well)
    return 1 if findings else 0
