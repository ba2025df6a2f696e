"""`raydoa doctor`: what is wrong with a cluster file, or with the running cluster, and how to fix it."""

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
    """Flags of the command."""
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="a cluster file; without one, the cluster at RAY_ADDRESS is checked",
    )
    parser.add_argument("--teacher", help="the largest teacher to be trained there")
    parser.add_argument("--store", help="folder or URL of the artifacts, as sweeps take it")
    parser.add_argument("--results", help="folder of the result dirs, as sweeps take it")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.file is None:
        return _check_cluster(options)
    if options.store or options.results:
        raise UserError(
            "--store and --results: a file does not name them; they are checked on a running cluster"
        )
    return _check_file(options.file, options.teacher)


def _check_file(path: Path, teacher: str | None) -> int:
    from raydoa.doctor.cluster_file import KubernetesFile, read_cluster_file
    from raydoa.doctor.kuberay import dry_run_command
    from raydoa.doctor.nodes import check_nodes, node_groups, node_lines
    from raydoa.models.lookup import known_names, known_shape, own_models

    if teacher is not None and known_shape(teacher) is None:
        teachers = [name for name in known_names() if name not in own_models()]
        hint = did_you_mean(teacher, teachers)
        raise UserError(f"--teacher: found {teacher!r}; raydoa knows {', '.join(teachers)}{hint}")
    file = read_cluster_file(path)
    groups, unpriced = node_groups(file)
    findings = [*_file_findings(file), *unpriced, *check_nodes(groups, teacher)]
    if groups:
        print("\n".join(node_lines(groups)))
    if isinstance(file, KubernetesFile):
        print(f"not checked: Kubernetes' and KubeRay's own fields; run {dry_run_command(file)}")
    return _report([f"{path}: {finding}" for finding in findings], f"{path}: no problems found")


def _file_findings(file: "LauncherFile | KubernetesFile") -> Iterator["Finding"]:
    """Every finding of the file itself."""
    from raydoa.doctor.aws import check_aws
    from raydoa.doctor.cluster_file import KubernetesFile
    from raydoa.doctor.gcp import check_gcp
    from raydoa.doctor.kuberay import check_kuberay
    from raydoa.doctor.launcher_checks import check_launcher_file
    from raydoa.doctor.onprem import check_onprem
    from raydoa.doctor.start_commands import check_start_commands
    from raydoa.on_ray.ray_internals import start_flags, validate_launcher_config

    if isinstance(file, KubernetesFile):
        yield from check_kuberay(file)
        return
    yield from check_launcher_file(file, Path.cwd(), validate_launcher_config)
    yield from check_start_commands(file, start_flags())
    check_provider = {"aws": check_aws, "gcp": check_gcp, "local": check_onprem}
    yield from check_provider[file.provider_type](file)


def _check_cluster(options: argparse.Namespace) -> int:
    if "RAY_ADDRESS" not in os.environ:
        raise UserError(
            "doctor: no file is given and RAY_ADDRESS is not set; name a file, or run it on a cluster: "
            "ray job submit -- raydoa doctor"
        )
    from raydoa.on_ray.cluster_check import check_cluster

    lines, findings = check_cluster(options.store, options.results)
    print("\n".join(lines))
    return _report([str(finding) for finding in findings], "no problems found")


def _report(findings: Sequence[str], otherwise: str) -> int:
    print("\n".join(findings or [otherwise]))
    return 1 if findings else 0
