"""What `ray up` would find out too late, or never, whichever the provider: and what Ray's own schema says."""

import copy
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from raydoa.doctor.any_file import check_counts, check_values
from raydoa.doctor.cluster_file import LauncherFile
from raydoa.doctor.finding import Finding, as_mapping, missing

_TOKEN_FILE = "~/.ray/auth_token"
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "aws": ("region",),
    "gcp": ("region", "availability_zone", "project_id"),
}


def check_launcher_file(
    file: LauncherFile, folder: Path, validate: Callable[[dict[str, Any]], object]
) -> Iterator[Finding]:
    """Every check of this module; ``folder`` is where `ray up` will run, and ``validate`` what it applies first."""
    yield from _schema(file, validate)
    yield from check_values(file.config, file.provider_type)
    yield from _ssh(file)
    yield from _token_file(file)
    yield from _file_mounts(file, folder)
    if file.provider_type != "local":
        yield from _cloud(file)
    for node_type in file.node_types():
        minimum = node_type.settings.get("min_workers", 0)
        default = 0 if node_type.is_head else file.config.get("max_workers")
        maximum = node_type.settings.get("max_workers", default)
        yield from check_counts(node_type.location, "_workers", minimum, maximum, unit="nodes")
        if node_type.is_head and node_type.is_spot:
            yield Finding(
                f"{node_type.location}.node_config",
                "the head is a spot machine, and the cluster ends with it",
                "rent the head on demand",
            )


def _schema(file: LauncherFile, validate: Callable[[dict[str, Any]], object]) -> Iterator[Finding]:
    """What the launcher itself says, with its defaults filled in."""
    import click
    import jsonschema

    field = "the file"
    try:
        # Ray prints a warning for each mounted file, which matters inside containers only.
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            validate(copy.deepcopy(dict(file.config)))
        return
    except jsonschema.ValidationError as error:
        field = ".".join(str(part) for part in error.absolute_path) or field
        problem = error.message
    except click.ClickException as error:
        problem = error.message
    except (ValueError, RuntimeError, KeyError, AttributeError, TypeError, AssertionError) as error:
        problem = f"{type(error).__name__}: {error}"
    yield Finding(field, problem, "see Ray's cluster YAML reference")


def _cloud(file: LauncherFile) -> Iterator[Finding]:
    """The provider section of a cloud, and a default of Ray's that fails there."""
    cloud, provider = file.provider_type, file.provider
    for key in _REQUIRED[cloud]:
        yield from missing(provider, "provider", key, "name it")
    # Ray's default is to stop nodes on AWS, and to delete them on Google Cloud.
    if provider.get("cache_stopped_nodes", cloud == "aws"):
        yield Finding(
            "provider.cache_stopped_nodes",
            "nodes are only stopped, and their disks stay billed",
            "set cache_stopped_nodes: false",
        )
    if f"{cloud}_credentials" in provider:
        yield Finding(
            f"provider.{cloud}_credentials",
            "a secret in the file",
            "remove it: the cloud's own login in the environment is enough",
        )
    if "head_setup_commands" not in file.config:
        yield Finding(
            "head_setup_commands",
            "missing: Ray's default runs pip in the system's Python, which Debian and Ubuntu refuse",
            "add `head_setup_commands: []`; the environment of setup_commands has what Ray needs",
        )


def _ssh(file: LauncherFile) -> Iterator[Finding]:
    auth = as_mapping(file.config.get("auth"))
    yield from missing(auth, "auth", "ssh_user", "name the SSH user, such as ubuntu")
    key = auth.get("ssh_private_key")
    if key is None:
        if file.provider_type == "local":
            yield from missing(auth, "auth", "ssh_private_key", "name the key file for these hosts")
        return
    path = Path(str(key)).expanduser()
    if not path.is_file():
        yield Finding(
            "auth.ssh_private_key", f"{key}: no such file", "make it (ssh-keygen) or name another"
        )
    elif _others_may_read(path):
        yield Finding("auth.ssh_private_key", f"{key}: others may read it", f"chmod 600 {key}")


def _token_file(file: LauncherFile) -> Iterator[Finding]:
    if _TOKEN_FILE not in file.file_mounts:
        yield Finding(
            "file_mounts",
            f"nothing brings {_TOKEN_FILE} to the nodes",
            f"add `{_TOKEN_FILE}: {_TOKEN_FILE}` (ray get-auth-token --generate makes the file)",
        )
        return
    if not any(
        all(word in command for word in ("chmod", "600", "auth_token"))
        for command in file.commands("setup_commands")
    ):
        yield Finding(
            "setup_commands",
            "the token file stays readable for others",
            f"add `chmod 600 {_TOKEN_FILE}`",
        )
    source = Path(str(file.file_mounts[_TOKEN_FILE])).expanduser()
    if source.is_file() and _others_may_read(source):
        yield Finding(
            f"file_mounts.{_TOKEN_FILE}", f"{source}: others may read it", f"chmod 600 {source}"
        )


def _file_mounts(file: LauncherFile, folder: Path) -> Iterator[Finding]:
    for target, source in file.file_mounts.items():
        path = folder / Path(os.path.expandvars(str(source))).expanduser()
        if not path.exists():
            remedy = "make it, or remove the line; relative paths start where `ray up` runs"
            if target == _TOKEN_FILE:
                remedy = "make it: ray get-auth-token --generate && chmod 600 ~/.ray/auth_token"
            yield Finding(f"file_mounts.{target}", f"{source}: no such file", remedy)


def _others_may_read(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)
